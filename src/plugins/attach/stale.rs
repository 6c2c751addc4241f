//! Records of containers that ended without releasing their VFs: found, and the VFs released.

use super::allocator::Life;
use super::records::Record;
use super::release::release_locked;
use super::{Allocator, AttachError, Released, lock};
use sriovd_core::model::{Allocation, PciAddress};

/// A VF that was released in place of a container that ended.
#[derive(Debug)]
pub struct Collected {
    /// What was written down of it.
    pub allocation: Allocation,
    /// How it was released.
    pub released: Released,
}

/// Releases the VFs of containers that ended; of one PF, or of all. A VF whose lock is held is left for later.
pub fn collect(
    allocator: &Allocator,
    pf: Option<PciAddress>,
) -> Vec<Result<Collected, AttachError>> {
    match allocator.records.vfs() {
        Ok(vfs) => vfs
            .into_iter()
            .filter_map(|vf| collect_vf(allocator, vf, pf).transpose())
            .collect(),
        Err(error) => vec![Err(error.into())],
    }
}

pub(super) fn collect_vf(
    allocator: &Allocator,
    vf: PciAddress,
    pf: Option<PciAddress>,
) -> Result<Option<Collected>, AttachError> {
    let concerns = match allocator.records.read(vf)? {
        Record::None => false,
        Record::NotUnderstood => !allocator.host.is_present(vf)?,
        Record::Of(allocation) => {
            pf.is_none_or(|pf| allocation.pf == pf) && is_to_be_released(allocator, &allocation)?
        }
    };
    if !concerns {
        return Ok(None);
    }
    let Some(_lock) = lock::try_take(&allocator.root, vf)? else {
        return Ok(None);
    };
    collect_locked(allocator, vf)
}

pub(super) fn collect_locked(
    allocator: &Allocator,
    vf: PciAddress,
) -> Result<Option<Collected>, AttachError> {
    match allocator.records.read(vf)? {
        Record::Of(allocation) if is_to_be_released(allocator, &allocation)? => {
            let released = release_locked(allocator, &allocation)?;
            Ok((!released.is_coming).then_some(Collected {
                allocation: *allocation,
                released,
            }))
        }
        Record::NotUnderstood if !allocator.host.is_present(vf)? => {
            allocator.records.set_aside(vf)?;
            Ok(None)
        }
        Record::None | Record::Of(_) | Record::NotUnderstood => Ok(None),
    }
}

/// A VF that cannot get all back that it had stays allocated as long as it is there.
fn is_to_be_released(allocator: &Allocator, allocation: &Allocation) -> Result<bool, AttachError> {
    let can_be =
        allocation.not_understood.is_empty() || !allocator.host.is_present(allocation.address)?;
    Ok(can_be && allocator.life(allocation)? == Life::Ended)
}

#[cfg(test)]
mod tests;
