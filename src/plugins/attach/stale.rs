//! Records of containers that ended without a word: found, and their VFs taken back.

use super::records::Record;
use super::{Allocator, AttachError, Released, lock};
use sriovd_core::model::{Allocation, PciAddress};
use sriovd_host::file;
use sriovd_host::linux::Whereabouts;
use sriovd_host::namespace::{Seen, look};
use std::path::Path;

/// Another one with every boot.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Lives,
    /// It ended, and the kernel has not brought the netdev back yet: that is an event.
    Ends,
    Ended,
}

/// A VF that was taken back from a container that is no more.
#[derive(Debug)]
pub struct Collected {
    /// What was written down of it.
    pub allocation: Allocation,
    /// How it was released.
    pub released: Released,
}

impl Allocator {
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
        let namespace = match look(&allocation.borrower.namespace) {
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

    /// Takes back what nobody has any more; of one PF, or of all. What somebody works on is left.
    pub fn collect(&self, pf: Option<PciAddress>) -> Vec<Result<Collected, AttachError>> {
        match self.records.vfs() {
            Ok(vfs) => vfs
                .into_iter()
                .filter_map(|vf| self.collect_vf(vf, pf).transpose())
                .collect(),
            Err(error) => vec![Err(error.into())],
        }
    }

    pub(super) fn collect_vf(
        &self,
        vf: PciAddress,
        pf: Option<PciAddress>,
    ) -> Result<Option<Collected>, AttachError> {
        let concerns = match self.records.read(vf)? {
            Record::None => false,
            Record::NotUnderstood => !self.host.is_present(vf)?,
            Record::Of(allocation) => {
                pf.is_none_or(|pf| allocation.pf == pf) && self.is_to_be_taken_back(&allocation)?
            }
        };
        if !concerns {
            return Ok(None);
        }
        let Some(_lock) = lock::try_take(&self.root, vf)? else {
            return Ok(None);
        };
        self.collect_locked(vf)
    }

    pub(super) fn collect_locked(&self, vf: PciAddress) -> Result<Option<Collected>, AttachError> {
        match self.records.read(vf)? {
            Record::Of(allocation) if self.is_to_be_taken_back(&allocation)? => {
                let released = self.give_back_locked(&allocation)?;
                Ok((!released.is_coming).then_some(Collected {
                    allocation: *allocation,
                    released,
                }))
            }
            Record::NotUnderstood if !self.host.is_present(vf)? => {
                self.records.set_aside(vf)?;
                Ok(None)
            }
            Record::None | Record::Of(_) | Record::NotUnderstood => Ok(None),
        }
    }

    /// A VF that cannot be given all back what it had stays allocated as long as it is there.
    fn is_to_be_taken_back(&self, allocation: &Allocation) -> Result<bool, AttachError> {
        let can_be =
            allocation.not_understood.is_empty() || !self.host.is_present(allocation.address)?;
        Ok(can_be && self.life(allocation)? == Life::Ended)
    }
}

#[cfg(test)]
mod tests;
