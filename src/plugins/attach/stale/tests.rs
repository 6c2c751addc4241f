//! Records that are not understood.

use crate::attach::{self, Allocator, AttachError, Choice};
use serde_json::json;
use sriovd_core::host::{Host as _, Look};
use sriovd_core::model::VfIndex;
use sriovd_core::model::allocation::ALLOCATIONS;
use sriovd_host::linux::LinuxHost;
use sriovd_host::linux::prepared::{PF, Prepared, pci, pf, vf_address};

/// Half a record, one of a version that this one cannot understand, and one with an attribute that
/// it cannot restore.
fn records() -> [String; 3] {
    let mut record = json!({
        "address": vf_address(0), "pf": PF, "vf": 0, "lent_at": 7,
        "borrower": {
            "container": "c", "network": "n", "namespace": "/nowhere", "interface": "eth0",
        },
        "before": {"trust": true},
    });
    let mut newer = record.clone();
    newer["needs"] = json!(2);
    record["before"]["colour"] = json!("red");
    ["{\"addr".to_owned(), newer.to_string(), record.to_string()]
}

#[test]
fn a_vf_whose_record_is_not_understood_is_in_use_as_long_as_it_is_there() {
    let below = |place: &str| format!("{}{place}/{}", &ALLOCATIONS[1..], vf_address(0));
    for record in records() {
        let host = Prepared::with_pf();
        let vf = host.vf(0, "igbvf");
        host.netdev(&format!("{vf}/net/ens1v0"), 7);
        host.directory("var/lib/cni/sriov/pci");
        host.file(&below(""), &record);
        host.directory(&format!("{}/released", &ALLOCATIONS[1..]));
        let allocator = Allocator::new(host.path(""));
        // Also when a pass of another PF comes by.
        for pf in [None, Some(pf()), Some("0000:02:00.0".parse().unwrap())] {
            let collected = attach::collect(&allocator, pf);
            assert!(collected.is_empty(), "{collected:?}");
            assert_eq!(host.text(&below("")), record);
        }
        let linux = LinuxHost::new(host.path(""));
        let seen = linux.observe(pf(), Look::WithHolders);
        let holders = seen.unwrap().unwrap().holders.unwrap();
        assert!(holders.contains_key(&VfIndex(0)), "{record}");
        let free = attach::has_free(&allocator, &Choice::Vf(vf_address(0)), false);
        assert!(matches!(free, Err(AttachError::NotFree { .. })), "{free:?}");

        // With the VF went what was set there.
        host.remove(&format!("{}/virtfn0", pci(PF)));
        host.remove(&vf);
        let collected = attach::collect(&allocator, None);
        assert!(collected.iter().all(Result::is_ok), "{collected:?}");
        assert!(!host.path(&below("")).exists());
        let kept = ["/set-aside", "/released"];
        let kept = kept
            .iter()
            .filter(|place| host.path(&below(place)).exists());
        assert_eq!(kept.count(), 1, "{record}");
    }
}
