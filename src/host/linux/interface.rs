//! The interface of a PF, as the kernel describes it.

use super::links::Links;
use super::netdev::Netdev;
use crate::netlink::Link;
use crate::sysfs::{Tree, if_present};
use sriovd_core::host::HostError;
use sriovd_core::model::{Errno, InterfaceName, MacAddress, Mtu, PfInterface};
use std::collections::BTreeSet;

/// Names and altnames.
fn names(links: &mut dyn Links, netdevs: &[Netdev]) -> Result<BTreeSet<String>, HostError> {
    let mut names = BTreeSet::new();
    for netdev in netdevs {
        let link = links.link(netdev.index);
        let doing = || format!("reading interface {}", netdev.index);
        let link = link.map_err(|error| error.while_doing(doing()))?;
        if let Some(link) = link {
            names.insert(link.name);
            names.extend(link.altnames);
        }
    }
    Ok(names)
}

/// `None` for an interface of another kind than policies are about. `others`: the function's other ports.
pub(super) fn of_pf(
    tree: &Tree,
    links: &mut dyn Links,
    own: &Netdev,
    others: &[Netdev],
    link: &Link,
) -> Result<Option<PfInterface>, HostError> {
    let Some(link_type) = link.link_type else {
        return Ok(None);
    };
    let unreadable = |what: &str, found: String| HostError::Unreadable {
        what: format!("{what} of interface {}", link.index),
        found,
    };
    let name = link.name.parse();
    // Some drivers ask the hardware; without a carrier there is nothing to ask for.
    let speed = match link.carrier {
        true => speed(tree, own)?,
        false => None,
    };
    Ok(Some(PfInterface {
        index: link.index,
        name: name.map_err(|_| unreadable("name", link.name.clone()))?,
        altnames: link.altnames.clone(),
        other_ports: names(links, others)?,
        name_is_final: false,
        permanent_mac: link.permanent_mac.unwrap_or(MacAddress::ZERO),
        mac: link.mac,
        mtu: Mtu::try_from(link.mtu).map_err(|_| unreadable("MTU", link.mtu.to_string()))?,
        up: link.up,
        carrier: link.carrier,
        speed,
        link_type,
        tc_offload: None,
        bond: match link.bond {
            Some(bond) => bond_name(links, bond)?,
            None => None,
        },
    }))
}

/// `None`: it is gone by now, and its ports are free.
fn bond_name(links: &mut dyn Links, bond: u32) -> Result<Option<InterfaceName>, HostError> {
    let link = links.link(bond);
    let link = link.map_err(|error| error.while_doing(format!("reading interface {bond}")))?;
    Ok(link.and_then(|link| link.name.parse().ok()))
}

/// -1 or EINVAL where it is not known; -1 also as a negative number.
fn speed(tree: &Tree, own: &Netdev) -> Result<Option<u32>, HostError> {
    let speed: i64 = match if_present(tree.read_as(own.directory.join("speed"))) {
        Err(HostError::Unread {
            errno: Errno::INVAL,
            ..
        }) => return Ok(None),
        speed => match speed? {
            Some(speed) => speed,
            None => return Ok(None),
        },
    };
    Ok(u32::try_from(speed).ok().filter(|speed| *speed != u32::MAX))
}
