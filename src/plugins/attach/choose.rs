//! Which VFs come into question, in which order, and why none of them did.

use super::pools::{self, PoolVf};
use super::records::Records;
use super::{Allocator, AttachError, Choice};
use sriovd_core::host::{Host as _, Look};
use sriovd_core::model::{Allocation, Container};

pub(super) fn candidates(
    allocator: &Allocator,
    choice: &Choice,
    container: Option<&Container>,
) -> Result<Vec<PoolVf>, AttachError> {
    match choice {
        Choice::Vf(address) => {
            let pf = allocator.host.pf_of(*address)?.filter(|pf| pf != address);
            let pf = pf.ok_or(AttachError::NotAVf(*address))?;
            let seen = allocator.host.observe(pf, Look::Plain)?;
            let found = seen.and_then(|seen| {
                let vf = seen.vfs.iter().find(|(_, vf)| vf.address == *address);
                let (&vf, _) = vf?;
                Some(PoolVf {
                    pf,
                    pf_name: seen.display_name(),
                    vf,
                    address: *address,
                })
            });
            Ok(vec![found.ok_or(AttachError::NotAVf(*address))?])
        }
        Choice::OfPool { pool, index } => {
            let mut pools = pools::read(&allocator.root)?;
            let Some(mut vfs) = pools.remove(pool) else {
                return Err(AttachError::UnknownPool {
                    pool: pool.clone(),
                    known: pools.into_keys().collect(),
                });
            };
            vfs.retain(|vf| index.is_none_or(|index| vf.vf == index));
            in_order(&mut vfs, &allocator.records, container);
            Ok(vfs)
        }
    }
}

/// First what this container had last, then what nobody had, then what was released longest ago:
/// so that others find theirs again too.
fn in_order(vfs: &mut [PoolVf], records: &Records, container: Option<&Container>) {
    vfs.sort_by_cached_key(|vf| {
        let last = records.last(vf.address);
        let rank = match &last {
            Some(last) if container.is_some_and(|it| is_same_container(last, it)) => 0,
            None => 1,
            Some(_) => 2,
        };
        (rank, last.map(|last| last.allocated_at))
    });
}

fn is_same_container(last: &Allocation, container: &Container) -> bool {
    let now = last.container.network == container.network;
    let name = |container: &Container| container.name.clone();
    now && match (name(&last.container), name(container)) {
        (Some(last), Some(now)) => last == now,
        _ => last.container.id == container.id,
    }
}

/// A VF as a person names it.
pub(super) fn name(vf: &PoolVf) -> String {
    format!("VF {} of {}", vf.vf, vf.pf_name)
}

#[cfg(test)]
mod tests;
