//! VFs of a prepared tree, allocated.

use super::*;
use crate::attach::records::tests::{allocation, records};
use serde_json::json;
use sriovd_core::model::PodContainer;
use sriovd_host::linux::prepared::{PF, Prepared, vf_address};

#[test]
fn a_container_that_starts_again_gets_its_vf_again_and_has_no_other() {
    let host = Prepared::with_pf();
    for vf in 0..3 {
        let vf = host.vf(vf, "vfio-pci");
        host.file(&format!("{vf}/enable"), "0\n");
    }
    let vfs: Vec<_> = (0..3)
        .map(|vf| json!({"vfID": vf, "pciAddress": vf_address(vf)}))
        .collect();
    let groups = json!([{"resourceName": "intelnics", "vfRange": "0-2"}]);
    let state = json!({
        "spec": {"interfaces": [{"pciAddress": PF, "vfGroups": groups}]},
        "status": {"interfaces": [{"pciAddress": PF, "Vfs": vfs}]},
    });
    host.file("run/sriovd/state.json", &state.to_string());
    let records = records(&host.path(""));
    let mut ended = allocation(1, "box");
    ended.container.namespace = host.path("ended");
    records.create(&ended).unwrap();

    let mut container = ended.container;
    container.namespace = "/proc/self/ns/net".into();
    let request = Request {
        container,
        choice: Choice::OfPool {
            pool: "intelnics".parse().unwrap(),
            index: None,
        },
        settings: VfSettings::default(),
        mtu: None,
        userspace: true,
    };
    let allocator = Allocator::new(host.path(""));
    let allocated = allocate(&allocator, &request).unwrap();
    assert_eq!(allocated.allocation.address, vf_address(1));
    assert_eq!(records.all().unwrap(), [allocated.allocation]);

    let again = allocate(&allocator, &request);
    assert!(matches!(again, Err(AttachError::Already { .. })));
}

#[test]
fn the_mac_that_a_pf_gave_is_the_one_set_or_the_one_before_but_never_all_zeros() {
    let with = |mac| VfSettings {
        mac,
        ..VfSettings::default()
    };
    let (one, other) = (
        MacAddress([2, 0, 0, 0, 0, 1]),
        MacAddress([2, 0, 0, 0, 0, 2]),
    );
    for (set, before, is) in [
        (Some(one), Some(other), Some(one)),
        (None, Some(other), Some(other)),
        (None, Some(MacAddress::ZERO), None),
        (None, None, None),
    ] {
        assert_eq!(admin_mac(&with(set), &with(before)), is);
    }
}

/// By its address alone, which kubelet's plugins tell: what kubelet gave to a pod is not free for anybody else.
#[test]
fn a_vf_that_kubelet_gave_to_a_pod_is_for_that_pod() {
    let vf = Choice::Vf(vf_address(1));
    let of_pool = Choice::OfPool {
        pool: "fast".parse().unwrap(),
        index: None,
    };
    let by = |pod: Option<&str>| Holder::Kubelet {
        resource: "sriovd.io/fast".to_owned(),
        container: pod.map(|pod| PodContainer {
            namespace: "shop".to_owned(),
            pod: pod.to_owned(),
            container: "main".to_owned(),
        }),
    };
    for (choice, caller, holder, is_for_it) in [
        (&vf, Some(Some("till")), by(Some("till")), true),
        (&vf, Some(Some("till")), by(None), true),
        (&vf, Some(Some("till")), by(Some("other")), false),
        (&vf, Some(None), by(None), false),
        (&vf, Some(None), by(Some("till")), false),
        (&vf, None, by(Some("till")), true),
        (&of_pool, Some(Some("till")), by(Some("till")), false),
        (&of_pool, None, by(None), false),
        (&vf, Some(Some("till")), Holder::PacketSocket, false),
    ] {
        let found = is_for_pod(choice, caller, &holder);
        assert_eq!(found, is_for_it, "{choice:?} {caller:?} {holder:?}");
    }
}
