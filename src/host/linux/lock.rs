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
use sriovd_core::model::kubelet::KUBELET_HOLDS;
use sriovd_core::model::{self, PciAddress, VfIndex};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Its allocation records, and the locks below them.
pub const PLUGIN_STATE: &str = "/var/lib/cni/sriov/pci";

/// Held until dropped. `None` where neither the plugin has ever run nor kubelet has been told of.
pub(super) fn lock(
    tree: &Tree,
    vf: VfIndex,
    address: PciAddress,
) -> Result<Option<File>, HostError> {
    let Some(state) = state(tree)? else {
        return Ok(None);
    };
    let what = format!("VF {vf} ({address})");
    let failed = |error: io::Error| match error.into() {
        errno @ (model::Errno::MFILE | model::Errno::NFILE) => HostError::NoDescriptor { errno },
        errno => HostError::Kernel {
            what: format!("locking {what}"),
            errno,
            detail: None,
        },
    };
    let file = open_in(tree, state, address).map_err(&failed)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(Errno::WOULDBLOCK) => Err(HostError::Locked { what }),
        Err(errno) => Err(failed(errno.into())),
    }
}

/// Below which the locks are. The agent cannot make the plugin's directory, and allocates for kubelet without it.
fn state(tree: &Tree) -> Result<Option<&'static str>, HostError> {
    for state in [PLUGIN_STATE, KUBELET_HOLDS] {
        if tree.exists(state)? {
            return Ok(Some(state));
        }
    }
    Ok(None)
}

/// The file of the lock that a pass takes, too.
pub(super) fn open_as_passes(tree: &Tree, address: PciAddress) -> io::Result<File> {
    let state = state(tree).map_err(io::Error::other)?;
    open_in(tree, state.unwrap_or(KUBELET_HOLDS), address)
}

/// The lock's file, made if it is not there.
pub fn open(tree: &Tree, address: PciAddress) -> io::Result<File> {
    open_in(tree, PLUGIN_STATE, address)
}

fn open_in(tree: &Tree, state: &str, address: PciAddress) -> io::Result<File> {
    let directory = tree.path(state).join("vf_lock");
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

/// The lock, after whoever has it. `None`: they keep it for longer than that.
pub fn wait(file: File, patience: Duration) -> io::Result<Option<File>> {
    let (done, wait) = mpsc::channel();
    // The kernel waits for a lock without a limit: let a thread do that, which ends with us.
    thread::spawn(move || {
        let locked = flock(&file, FlockOperation::LockExclusive);
        drop(done.send(locked.map(|()| file)));
    });
    match wait.recv_timeout(patience) {
        Ok(locked) => Ok(Some(locked?)),
        Err(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests;
