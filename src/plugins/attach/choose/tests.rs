//! In which order the VFs of a pool are tried.

use super::*;
use crate::attach::Held;
use crate::attach::records::tests::{allocation, records};
use sriovd_core::model::VfIndex;

fn pool() -> Vec<PoolVf> {
    let vf = |vf| PoolVf {
        pf: "0000:01:00.0".parse().unwrap(),
        pf_name: "ens1".to_owned(),
        vf: VfIndex(vf),
        address: allocation(vf, "").address,
    };
    (0..4).map(vf).collect()
}

#[test]
fn a_container_gets_its_last_vf_and_leaves_others_theirs() {
    let root = tempfile::tempdir().unwrap();
    let records = records(root.path());
    for (vf, container, at) in [(0, "other", 20), (1, "mine", 10), (2, "older", 5)] {
        let mut released = allocation(vf, container);
        released.allocated_at = at;
        records.create(&released).unwrap();
        records.release(&released).unwrap();
    }
    let order = |container: &str, name: Option<&str>| {
        let mut vfs = pool();
        let mut container = allocation(0, container).container;
        container.name = name.map(str::to_owned);
        in_order(&mut vfs, &records, Some(&container));
        vfs.iter().map(|vf| vf.vf.0).collect::<Vec<_>>()
    };
    assert_eq!(order("mine", None), [1, 3, 2, 0]);
    assert_eq!(order("new", None), [3, 2, 1, 0]);
    // Podman makes a new id for a container of the same name.
    let mut named = allocation(3, "first-id");
    named.container.name = Some("web".to_owned());
    records.create(&named).unwrap();
    records.release(&named).unwrap();
    assert_eq!(order("second-id", Some("web"))[0], 3);
}

#[test]
fn what_holds_a_pool_is_told_in_one_sentence() {
    assert_eq!(Held::default().to_string(), "it has no VF at the moment");
    let held = |count| {
        let of = |vf| (format!("VF {vf}"), "is held by web".to_owned());
        Held((0..count).map(of).collect()).to_string()
    };
    assert_eq!(held(2), "VF 0 is held by web, VF 1 is held by web");
    assert!(held(10).ends_with(", and 2 more"));
}
