//! What does not outlive a boot, or a kernel.

use super::*;
use crate::plan::Capability;

#[test]
fn what_a_driver_lacks_is_learnt_anew_with_another_kernel() {
    let mut memory = Memory::default();
    memory.start("6.12.1", false);
    let igb = OwnedPf {
        unsupported: [Capability::MinTxRate].into(),
        ..OwnedPf::default()
    };
    let address = "0000:01:00.0".parse().unwrap();
    memory.pfs.insert(address, igb);
    let learnt = memory.clone();
    memory.start("6.12.1", false);
    assert_eq!(memory, learnt);
    memory.start("6.12.2", false);
    assert_eq!(memory.pfs, BTreeMap::from([(address, OwnedPf::default())]));
    assert_eq!(memory.kernel, "6.12.2");
}

#[test]
fn what_was_set_up_is_forgotten_after_a_boot() {
    let mut memory = Memory::default();
    let address = "0000:01:00.0".parse().unwrap();
    let up = OwnedPf {
        brought_up: Some(2),
        reload_due: true,
        up_before: true,
        ..OwnedPf::default()
    };
    memory.pfs.insert(address, up.clone());
    memory.start("6.12.1", false);
    assert_eq!(memory.pfs[&address], up);
    memory.start("6.12.1", true);
    assert_eq!(memory.pfs[&address], OwnedPf::default());
}
