//! Releasing a VF: what was done to it is undone, the last step first.

use super::inside::{find, set_mac};
use super::naming::opening;
use super::records::Record;
use super::{Allocator, AttachError, lock, naming};
use sriovd_core::host::{Host as _, HostError, Look};
use sriovd_core::model::{Allocation, PfSnapshot, VfInterface};
use sriovd_host::namespace::{Namespace, Seen, look};
use sriovd_host::netlink::Netlink;
use std::fmt;
use std::os::fd::AsFd as _;

/// What came of it. Nothing of this keeps the VF from being free.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Released {
    /// What could not be restored: the daemon sees to it.
    pub troubles: Vec<String>,
    /// The record stays: the kernel has yet to bring the netdev, which is an event, or another
    /// version of sriovd the attributes.
    pub is_coming: bool,
}

impl fmt::Display for Released {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.troubles.join("; "))
    }
}

impl Released {
    fn note(&mut self, result: Result<(), HostError>) {
        self.troubles
            .extend(result.err().map(|error| error.to_string()));
    }
}

/// Whether the netdev is in our namespace.
enum Back {
    Here,
    /// Its namespace ended, or passed it on: the kernel brings it when that one ends.
    Later,
}

/// Releases all VFs that a container has under this name.
pub fn release(
    allocator: &Allocator,
    container: &str,
    interface: &str,
) -> Result<Vec<Released>, AttachError> {
    let found = allocator.find_all(container, interface)?;
    // Each of them, before one that failed is told.
    let released: Vec<_> = found.iter().map(|it| release_this(allocator, it)).collect();
    released.into_iter().filter_map(Result::transpose).collect()
}

/// Releases this VF. `None`: another process has released it meanwhile.
pub fn release_this(
    allocator: &Allocator,
    found: &Allocation,
) -> Result<Option<Released>, AttachError> {
    let _lock = lock::take(&allocator.root, found.address)?;
    match allocator.records.read(found.address)? {
        Record::Of(allocation) if *allocation == *found => {
            release_locked(allocator, found).map(Some)
        }
        Record::None | Record::Of(_) | Record::NotUnderstood => Ok(None),
    }
}

pub(super) fn release_locked(
    allocator: &Allocator,
    allocation: &Allocation,
) -> Result<Released, AttachError> {
    let mut released = Released::default();
    let other_boot = allocation.boot.as_ref().zip(allocator.boot());
    if other_boot.is_none_or(|(then, now)| *then == now)
        && let Some(pf) = observe(allocator, allocation)?
    {
        if let Some(before) = &allocation.interface_before {
            match bring_back(allocator, allocation, &pf, before)? {
                Back::Here => {}
                Back::Later => {
                    let later = "its interface is in another network namespace; the VF is released \
                                 as soon as the kernel brings the interface back";
                    released.troubles.push(later.to_owned());
                    released.is_coming = true;
                    return Ok(released);
                }
            }
        }
        restore(allocator, allocation, &mut released)?;
        if !allocation.not_understood.is_empty() {
            let what = allocation.not_understood.join(", ");
            released.troubles.push(format!(
                "{what} of VF {} was written down by another version of sriovd and is not \
                 understood: the VF stays allocated until that version releases it",
                allocation.address
            ));
            released.is_coming = true;
            return Ok(released);
        }
    }
    allocator.records.release(allocation)?;
    Ok(released)
}

/// `None`: the VF, or its PF, is not there any more.
fn observe(
    allocator: &Allocator,
    allocation: &Allocation,
) -> Result<Option<PfSnapshot>, AttachError> {
    let pf = allocator.host.observe(allocation.pf, Look::Plain)?;
    Ok(pf.filter(|pf| {
        let vf = pf.vfs.get(&allocation.vf);
        vf.is_some_and(|vf| vf.address == allocation.address)
    }))
}

fn bring_back(
    allocator: &Allocator,
    allocation: &Allocation,
    pf: &PfSnapshot,
    before: &VfInterface,
) -> Result<Back, AttachError> {
    let vf = pf.vfs.get(&allocation.vf);
    // It has left the other namespace and is not here yet.
    if vf.is_some_and(|vf| vf.lacks_netdev() && !vf.half_bound) {
        return Ok(Back::Later);
    }
    if vf.is_none_or(|vf| !vf.interface_elsewhere) {
        return Ok(Back::Here);
    }
    let path = &allocation.container.namespace;
    let is_it = match look(path) {
        Seen::Nothing => false,
        Seen::Namespace(inode) => allocation.namespace_inode.is_none_or(|it| it == inode),
        Seen::Other => false,
    };
    if !is_it {
        return Ok(Back::Later);
    }
    let (namespace, own) = (Namespace::open(path)?, Namespace::own()?);
    let vf = allocation.address;
    namespace
        .within(|netlink| {
            let link = match find(&allocator.host, netlink, vf) {
                Err(HostError::Gone { .. }) => return Ok(Back::Later),
                found => found?,
            };
            let moved = naming::bring_home(netlink, &link, own.as_fd(), &before.name);
            moved.map_err(|error| {
                error.while_doing(format!("moving {} back as {}", link.name, before.name))
            })?;
            Ok(Back::Here)
        })
        .map_err(AttachError::from)
}

fn restore(
    allocator: &Allocator,
    allocation: &Allocation,
    released: &mut Released,
) -> Result<(), AttachError> {
    if allocation.unnamed {
        // Nobody but udev knows what it is to be called, and udev leaves alone what was renamed.
        released.note(allocator.host.rebind(allocation.address));
    }
    let Some(pf) = observe(allocator, allocation)? else {
        return Ok(());
    };
    let vf = pf.vfs.get(&allocation.vf);
    let own = vf.and_then(|vf| vf.interface.as_ref());
    if let (Some(own), Some(before)) = (own, &allocation.interface_before)
        && own.name != before.name
        && !allocation.unnamed
    {
        // What the kernel brings back keeps the name that it had in the container.
        match naming::name_again(own, &before.name) {
            Ok(told) => released.troubles.extend(told),
            Err(error) => released.note(Err(error)),
        }
    }
    let settings: Vec<_> = allocation.before.iter().collect();
    for &setting in settings.iter().rev() {
        let is = vf.and_then(|vf| vf.settings.get(setting.attribute()));
        if let (Some(interface), true) = (&pf.interface, is != Some(setting)) {
            let set = allocator
                .host
                .set_vf(pf.address, interface.index, allocation.vf, setting);
            released.note(set);
        }
    }
    if let (Some(own), Some(before)) = (own, &allocation.interface_before) {
        restore_netdev(own.index, before, released)?;
    }
    Ok(())
}

fn restore_netdev(
    index: u32,
    before: &VfInterface,
    released: &mut Released,
) -> Result<(), HostError> {
    let mut netlink = Netlink::open().map_err(opening)?;
    let mtu = before.mtu;
    if !before.up {
        let down = netlink.set_down(index);
        released.note(down.map_err(|error| error.while_doing("setting it down".to_owned())));
    }
    let set = netlink.set_mtu(index, mtu);
    released.note(set.map_err(|error| error.while_doing(format!("setting MTU {mtu}"))));
    released.note(set_mac(&mut netlink, index, before.mac));
    if before.up {
        let up = netlink.set_up(index);
        released.note(up.map_err(|error| error.while_doing("setting it up".to_owned())));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
