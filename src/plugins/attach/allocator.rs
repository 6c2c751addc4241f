//! The VFs of a host, with the records of who has them: what all functions here work on.

use super::error::AttachError;
use super::records::Records;
use sriovd_core::model::Allocation;
use sriovd_host::file::{self, apart::Apart};
use sriovd_host::linux::{LinuxHost, Whereabouts};
use sriovd_host::namespace::{Seen, look};
use std::path::{Path, PathBuf};

/// Another one with every boot.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Lives,
    /// It ended, and the kernel has not brought the netdev back yet: that is an event.
    Ends,
    Ended,
}

/// The VFs of one host, and the records of those that are allocated.
#[derive(Debug, Clone)]
pub struct Allocator {
    pub(super) root: PathBuf,
    pub(super) host: LinuxHost,
    pub(super) records: Records,
}

impl Allocator {
    /// The VFs of the host whose files are below `root`.
    pub fn new(root: PathBuf) -> Self {
        Self {
            host: LinuxHost::with_apart(root.clone(), Apart::on_this_thread()),
            records: Records::below(&root),
            root,
        }
    }

    /// What is allocated now, as it is written down.
    pub fn allocations(&self) -> Result<Vec<Allocation>, AttachError> {
        Ok(self.records.all()?)
    }

    /// What this container has under this name; of several, what it lives with.
    pub fn find(
        &self,
        container: &str,
        interface: &str,
    ) -> Result<Option<Allocation>, AttachError> {
        let found = self.find_all(container, interface)?.into_iter();
        Ok(found.max_by_key(|it| matches!(self.life(it), Ok(Life::Lives))))
    }

    /// Also what it had before it started again, if that is not released yet.
    pub(super) fn find_all(
        &self,
        container: &str,
        interface: &str,
    ) -> Result<Vec<Allocation>, AttachError> {
        let mut found = self.records.all()?;
        found.retain(|allocation| {
            let its = &allocation.container;
            its.id == container && its.interface.as_str() == interface
        });
        Ok(found)
    }

    /// `None` where it cannot be seen, as from the daemon's sandbox.
    pub(super) fn boot(&self) -> Option<String> {
        let path = file::under(&self.root, Path::new(BOOT));
        let text = std::fs::read_to_string(path).ok()?;
        Some(text.trim().to_owned())
    }

    /// Only under the VF's lock: while it is allocated its netdev is still here.
    pub(super) fn life(&self, allocation: &Allocation) -> Result<Life, AttachError> {
        let other_boot = allocation.boot.as_ref().zip(self.boot());
        if other_boot.is_some_and(|(then, now)| *then != now)
            || !self.host.is_present(allocation.address)?
        {
            return Ok(Life::Ended);
        }
        let namespace = match look(&allocation.container.namespace) {
            Seen::Nothing => false,
            Seen::Namespace(inode) => {
                let then = allocation.namespace_inode;
                then.is_none_or(|then| then == inode)
            }
            Seen::Other => true,
        };
        let had_netdev = allocation.interface_before.is_some();
        Ok(match self.host.netdev_of(allocation.address)? {
            Whereabouts::Here if had_netdev => Life::Ended,
            Whereabouts::Elsewhere if !namespace => Life::Ends,
            _ if !namespace => Life::Ended,
            _ => Life::Lives,
        })
    }
}
