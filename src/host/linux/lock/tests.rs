//! The lock is the plugin's own.

use super::lock;
use crate::linux::prepared::{Prepared, vf_address};
use sriovd_core::host::HostError;
use sriovd_core::model::VfIndex;
use std::os::unix::fs::PermissionsExt;

#[test]
fn nothing_is_made_where_the_plugin_never_ran() {
    let host = Prepared::new();
    assert!(
        lock(&host.tree, VfIndex(0), vf_address(0))
            .unwrap()
            .is_none()
    );
    assert!(!host.path("var").exists());
}

#[test]
fn one_holder_at_a_time_for_each_vf() {
    let host = Prepared::new();
    host.directory("var/lib/cni/sriov/pci");
    let held = lock(&host.tree, VfIndex(0), vf_address(0)).unwrap();
    assert!(held.is_some());
    assert!(lock(&host.tree, VfIndex(1), vf_address(1)).is_ok());
    assert_eq!(
        lock(&host.tree, VfIndex(0), vf_address(0)).unwrap_err(),
        HostError::Locked {
            what: "VF 0 (0000:01:10.0)".to_owned()
        }
    );
    drop(held);
    assert!(lock(&host.tree, VfIndex(0), vf_address(0)).is_ok());
    let file = host.path("var/lib/cni/sriov/pci/vf_lock/0000:01:10.0.lock");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}
