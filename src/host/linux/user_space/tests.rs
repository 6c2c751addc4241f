//! What user-space drivers tell of who has their devices open.

use crate::linux::observe::holders_of;
use crate::linux::prepared::{Answers, Prepared, pf};
use sriovd_core::model::{Holder, VfIndex};
use std::collections::BTreeSet;

#[test]
fn a_uio_device_is_in_use_while_its_driver_is_or_may_be() {
    let host = Prepared::with_pf();
    let vf = host.vf(0, "uio_pci_generic");
    let found = || holders_of(&host.tree, &mut Answers::default(), pf(), VfIndex(0)).unwrap();
    let held = || {
        let device = "uio0".to_owned();
        BTreeSet::from([Holder::UioDevice { device }])
    };
    // It is enabled from the moment it is bound.
    assert_eq!(host.text(&format!("{vf}/enable")), "1\n");
    host.directory(&format!("{vf}/uio/uio0"));
    host.file("sys/module/uio_pci_generic/refcnt", "0\n");
    assert_eq!(found(), BTreeSet::new());
    host.file("sys/module/uio_pci_generic/refcnt", "2\n");
    assert_eq!(found(), held());
    // Built into the kernel, which tells nothing of it.
    host.remove("sys/module/uio_pci_generic");
    assert_eq!(found(), held());
}
