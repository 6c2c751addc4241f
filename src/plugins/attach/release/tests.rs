//! What keeps a record, and what does not.

use super::*;
use crate::attach::records::tests::{allocation, records};
use sriovd_core::model::MacAddress;
use sriovd_host::linux::prepared::{Prepared, pci};

fn with_netdev() -> Allocation {
    let mut allocated = allocation(0, "box");
    allocated.interface_before = Some(VfInterface {
        index: 7,
        name: "ens1v0".parse().unwrap(),
        mac: MacAddress([2, 0, 0, 0, 0, 7]),
        mtu: sriovd_core::model::Mtu::try_from(1500).unwrap(),
        up: false,
    });
    allocated
}

#[test]
fn a_vf_whose_netdev_is_on_its_way_keeps_its_record() {
    let host = Prepared::with_pf();
    host.vf(0, "igbvf");
    let records = records(&host.path(""));
    let allocated = with_netdev();
    records.create(&allocated).unwrap();
    let allocator = Allocator::new(host.path(""));

    let later = release(&allocator, "box", "eth0").unwrap().remove(0);
    assert!(later.is_coming && !later.troubles.is_empty(), "{later:?}");
    assert_eq!(records.all().unwrap(), std::slice::from_ref(&allocated));

    // Without a driver there is none to wait for.
    host.remove(&format!("{}/driver", pci(&allocated.address.to_string())));
    let back = release(&allocator, "box", "eth0").unwrap();
    assert_eq!(back, [Released::default()]);
    assert_eq!(records.all().unwrap(), []);
}

#[test]
fn a_container_that_started_again_is_known_by_what_it_lives_with_and_gives_all_back() {
    let host = Prepared::with_pf();
    host.vf(0, "igbvf");
    host.vf(1, "vfio-pci");
    let records = records(&host.path(""));
    let (old, mut new) = (with_netdev(), allocation(1, "box"));
    new.container.namespace = "/proc/self/ns/net".into();
    for allocated in [&old, &new] {
        records.create(allocated).unwrap();
    }
    let allocator = Allocator::new(host.path(""));
    assert_eq!(allocator.find("box", "eth0").unwrap(), Some(new));

    let back = release(&allocator, "box", "eth0").unwrap();
    let is_coming: Vec<_> = back.iter().map(|it| it.is_coming).collect();
    assert_eq!(is_coming, [true, false]);
    assert_eq!(records.all().unwrap(), [old]);
}
