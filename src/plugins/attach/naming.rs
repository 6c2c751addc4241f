//! What a netdev is called on its way: names are taken, and that keeps no VF where it is.

use sriovd_core::host::HostError;
use sriovd_core::model::{Errno, InterfaceName, VfInterface};
use sriovd_host::netlink::{Link, Netlink, NetlinkError};
use std::os::fd::BorrowedFd;

/// Out of the namespace that `netlink` speaks to, under this name or another one.
pub(super) fn bring_home(
    netlink: &mut Netlink,
    link: &Link,
    home: BorrowedFd<'_>,
    name: &InterfaceName,
) -> Result<(), NetlinkError> {
    // While up it could not be renamed on older kernels.
    netlink.set_down(link.index)?;
    match netlink.move_link(link.index, home, name) {
        Err(error) if is_taken(&error) => {}
        moved => return moved,
    }
    // Where nothing else was in the way it has moved, and is still to be renamed.
    if netlink.link(link.index)?.is_none() {
        return Ok(());
    }
    // It cannot go where somebody has one of these. What udev made it makes again at home.
    for altname in &link.altnames {
        netlink.remove_altname(link.index, altname)?;
    }
    netlink.move_link_as_another(link.index, home)
}

/// At home: gives it its name back, or else another one, which is told.
pub(super) fn name_again(
    own: &VfInterface,
    name: &InterfaceName,
) -> Result<Option<String>, HostError> {
    let mut netlink = Netlink::open().map_err(opening)?;
    let renamed = rename(&mut netlink, own, name);
    renamed.map_err(|error| error.while_doing(format!("renaming {} to {name}", own.name)))
}

fn rename(
    netlink: &mut Netlink,
    own: &VfInterface,
    name: &InterfaceName,
) -> Result<Option<String>, NetlinkError> {
    netlink.set_down(own.index)?;
    free_altname(netlink, own.index, name)?;
    match netlink.rename(own.index, name) {
        Err(error) if is_taken(&error) => {}
        renamed => return renamed.map(|()| None),
    }
    let links = netlink.links()?;
    let has_it = |link: &&Link| link.name == name.as_str() || link.altnames.contains(name.as_str());
    let other = links.iter().find(has_it);
    let other = other.map_or("another interface", |link| &link.name);
    netlink.rename_to_another(own.index)?;
    let now = netlink.link(own.index)?.map(|link| link.name);
    Ok(Some(format!(
        "the interface is called {} now: {other} has its name {name}",
        now.as_deref().unwrap_or("otherwise")
    )))
}

/// What it is to be called may be an alternative name of its own, and in the way.
pub(super) fn free_altname(
    netlink: &mut Netlink,
    index: u32,
    name: &InterfaceName,
) -> Result<(), NetlinkError> {
    match netlink.link(index)? {
        Some(link) if link.altnames.contains(name.as_str()) => {
            netlink.remove_altname(index, name.as_str())
        }
        _ => Ok(()),
    }
}

pub(super) fn opening(error: NetlinkError) -> HostError {
    error.while_doing("opening netlink".to_owned())
}

pub(super) fn is_taken(error: &NetlinkError) -> bool {
    error.errno() == Some(Errno::EXIST)
}
