//! The lock of a VF, which the SR-IOV CNI plugin and the daemon take too.

use rustix::fs::{FlockOperation, flock};
use sriovd_core::host::HostError;
use sriovd_core::model::{Errno, PciAddress};
use sriovd_host::linux::lock;
use sriovd_host::sysfs::Tree;
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

/// As long as the SR-IOV CNI plugin waits for it.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Held until dropped. `None`: somebody else has it.
pub(super) fn try_take(root: &Path, vf: PciAddress) -> Result<Option<File>, HostError> {
    let file = open(root, vf)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(errno) => Err(failed(vf, errno)),
    }
}

/// Waits for whoever has it.
pub(super) fn take(root: &Path, vf: PciAddress) -> Result<File, HostError> {
    let locked = lock::wait(open(root, vf)?, PATIENCE);
    let locked = locked.map_err(|error| failed(vf, error))?;
    locked.ok_or_else(|| HostError::Locked {
        what: format!("VF {vf}"),
    })
}

fn open(root: &Path, vf: PciAddress) -> Result<File, HostError> {
    lock::open(&Tree::new(root.to_owned()), vf).map_err(|error| failed(vf, error))
}

fn failed(vf: PciAddress, error: impl Into<io::Error>) -> HostError {
    HostError::Kernel {
        what: format!("locking VF {vf}"),
        errno: Errno::from(error.into()),
        detail: None,
    }
}
