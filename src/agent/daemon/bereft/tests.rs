//! How long a VF without a driver is left to whoever took it.
#![allow(clippy::disallowed_methods, reason = "a test needs some beginning")]

use super::*;
use sriovd_core::host::{Host, Look};
use sriovd_sim::{DriverModel, SimHost, SimPf};

#[test]
fn a_vf_is_abandoned_when_it_had_no_driver_for_long() {
    let host = SimHost::default();
    let address = "0000:01:00.0".parse().unwrap();
    host.plug(SimPf::new(address, DriverModel::IGB));
    host.set_num_vfs_by_hand(address, 2);
    let look = || host.observe(address, Look::Plain).unwrap().unwrap();
    let (vf, mut bereft) = (VfIndex(1), Bereft::default());
    let start = Instant::now();
    let second = |seconds| start + Duration::from_secs(seconds);
    bereft.note(&look(), start);
    assert_eq!(bereft.next_time(start), None);
    host.unbind_vf(address, vf);
    bereft.note(&look(), start);
    bereft.note(&look(), second(5));
    assert_eq!(bereft.next_time(second(5)), Some(second(10)));
    assert_eq!(bereft.abandoned(second(9)), BTreeSet::new());
    assert_eq!(bereft.abandoned(second(10)), BTreeSet::from([vf]));
    assert_eq!(bereft.next_time(second(10)), None);
    // Bound in between, it has the whole time again.
    host.give_driver(address, vf, "vfio-pci".parse().unwrap());
    bereft.note(&look(), second(11));
    host.unbind_vf(address, vf);
    bereft.note(&look(), second(12));
    assert_eq!(bereft.abandoned(second(21)), BTreeSet::new());
}
