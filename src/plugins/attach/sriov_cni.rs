//! What the SR-IOV CNI plugin attached: its records are taken over, so that a VF which it gave comes
//! back with all that it changed.
//!
//! It keeps the configuration of an attachment in a file named by container and interface, with the
//! VF's state before (`OrigVfState`), and the container's namespace in `pci/`, named by the VF.

mod collect;
mod record;

use super::choose::candidates;
use super::records::{Record, remove_if_there};
use super::{Allocator, AttachError, Choice, inside, lock};
pub use collect::collect_theirs;
use record::Found;
use sriovd_core::model::{Allocation, Container, InterfaceName, PciAddress};
use sriovd_host::namespace::Namespace;
use sriovd_host::netlink::Link;
use std::path::Path;
use std::time::UNIX_EPOCH;

/// What that plugin attached to this container under this name. The namespace is the one that
/// the runtime names now, if it names one.
pub fn find_theirs(
    allocator: &Allocator,
    container: &str,
    interface: &InterfaceName,
    namespace: &Path,
) -> Result<Option<Allocation>, AttachError> {
    match record::read(&record::path_of(&allocator.root, container, interface))? {
        Some(found) => allocation_of(allocator, &found, container, interface, namespace),
        None => Ok(None),
    }
}

/// Takes over what that plugin attached to this container under this name, so that it can be
/// released like what was allocated.
pub fn take_over(
    allocator: &Allocator,
    container: &str,
    interface: &InterfaceName,
    namespace: &Path,
) -> Result<(), AttachError> {
    let path = record::path_of(&allocator.root, container, interface);
    let Some(found) = record::read(&path)? else {
        return Ok(());
    };
    let _lock = lock::take(&allocator.root, found.attached.vf)?;
    // That plugin takes the lock, too, to release it.
    let Some(found) = record::read(&path)? else {
        return Ok(());
    };
    let allocation = allocation_of(allocator, &found, container, interface, namespace)?;
    make_ours(allocator, &found, allocation.as_ref())
}

/// Under the VF's lock.
fn make_ours(
    allocator: &Allocator,
    found: &Found,
    allocation: Option<&Allocation>,
) -> Result<(), AttachError> {
    if let Some(allocation) = allocation {
        // False: it is allocated, and was so before this one could be released.
        allocator.records.create(allocation)?;
    }
    Ok(remove_if_there(&found.path)?)
}

/// `None`: the VF is gone, or was given to another since.
fn allocation_of(
    allocator: &Allocator,
    found: &Found,
    container: &str,
    interface: &InterfaceName,
    namespace: &Path,
) -> Result<Option<Allocation>, AttachError> {
    let vf = found.attached.vf;
    if !allocator.host.is_present(vf)? || allocator.records.read(vf)? != Record::None {
        return Ok(None);
    }
    let theirs = record::namespace_of(&allocator.root, vf)?;
    let is_another = theirs.as_deref().is_some_and(|theirs| theirs != namespace);
    if (is_another && namespace != Path::new("")) || record::has_newer(&allocator.root, found)? {
        return Ok(None);
    }
    let namespace = theirs.unwrap_or_else(|| namespace.to_owned());
    let Some(pool_vf) = candidates(allocator, &Choice::Vf(vf), None)?.pop() else {
        return Ok(None);
    };
    let now = netdev_now(allocator, vf, &namespace);
    let since = found.written.duration_since(UNIX_EPOCH);
    Ok(Some(Allocation {
        address: vf,
        pf: pool_vf.pf,
        vf: pool_vf.vf,
        pool: None,
        container: Container {
            id: container.to_owned(),
            name: None,
            network: found.attached.network.clone(),
            namespace,
            interface: interface.clone(),
        },
        namespace_inode: None,
        boot: None,
        allocated_at: since.map_or(0, |since| since.as_secs()),
        before: found.attached.settings(),
        interface_before: found.attached.interface(now.as_ref()),
        unnamed: false,
        not_understood: Vec::new(),
    }))
}

/// In the container, or here if it is back. Only what older records do not say is asked of it.
fn netdev_now(allocator: &Allocator, vf: PciAddress, namespace: &Path) -> Option<Link> {
    let find = |namespace: Namespace| {
        namespace.within(|netlink| inside::find(&allocator.host, netlink, vf))
    };
    let places = [Namespace::open(namespace), Namespace::own()];
    places.into_iter().flatten().find_map(|it| find(it).ok())
}

#[cfg(test)]
mod tests;
