//! The lock that the SR-IOV CNI plugin takes while it works on a VF.
//!
//! It is a file per VF, and `flock` holds it by an open file: before all VFs of a PF are destroyed,
//! as many files are open. One lock for the PF would not do, because that plugin would not take it.
//! So the unit allows many open files. Where they run short all the same the step fails before
//! anything is done, and is tried again.

use crate::sysfs::Tree;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use sriovd_core::host::HostError;
use sriovd_core::model::{self, PciAddress, VfIndex};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};

/// Its allocation records, and the locks below them.
pub const PLUGIN_STATE: &str = "/var/lib/cni/sriov/pci";

/// Held until dropped. `None` where the plugin has never run.
pub(super) fn lock(
    tree: &Tree,
    vf: VfIndex,
    address: PciAddress,
) -> Result<Option<File>, HostError> {
    if !tree.exists(PLUGIN_STATE)? {
        return Ok(None);
    }
    let what = format!("VF {vf} ({address})");
    let failed = |error: io::Error| match error.into() {
        errno @ (model::Errno::MFILE | model::Errno::NFILE) => HostError::NoDescriptor { errno },
        errno => HostError::Kernel {
            what: format!("locking {what}"),
            errno,
            detail: None,
        },
    };
    let file = open(tree, address).map_err(&failed)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(Errno::WOULDBLOCK) => Err(HostError::Locked { what }),
        Err(errno) => Err(failed(errno.into())),
    }
}

/// The lock's file, made if it is not there.
pub fn open(tree: &Tree, address: PciAddress) -> io::Result<File> {
    let directory = tree.path(PLUGIN_STATE).join("vf_lock");
    tree.access(&directory)?;
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&directory)?;
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(directory.join(format!("{address}.lock")))
}

#[cfg(test)]
mod tests;
