//! What is done to a netdev in its container's network namespace.

use super::{Addressing, Allocated, AllocatedInterface, Allocator, AttachError, announce};
use sriovd_core::host::HostError;
use sriovd_core::model::{MacAddress, Mtu, PciAddress};
use sriovd_host::linux::LinuxHost;
use sriovd_host::namespace::{self, Namespace, Seen};
use sriovd_host::netlink::{Link, Netlink, NetlinkError, Route};
use std::path::Path;

#[derive(Debug, Clone, Copy)]
pub(super) struct Wish {
    pub(super) mac: Option<MacAddress>,
    pub(super) mtu: Option<Mtu>,
}

/// After it moved: what it is to be like before anybody uses it. It is still down.
pub(super) fn settle(
    host: &LinuxHost,
    namespace: &Namespace,
    vf: PciAddress,
    wish: Wish,
) -> Result<AllocatedInterface, HostError> {
    namespace.within(|netlink| {
        let link = find(host, netlink, vf)?;
        if let Some(mtu) = wish.mtu.filter(|mtu| mtu.get() != link.mtu) {
            let set = netlink.set_mtu(link.index, mtu);
            set.map_err(|error| error.while_doing(format!("setting MTU {mtu}")))?;
        }
        if let Some(mac) = wish.mac {
            set_mac(netlink, link.index, mac)?;
        }
        announce::when_up(&link.name);
        seen(&find(host, netlink, vf)?)
    })
}

/// Some drivers refuse an address that their PF has given them already, and take it when they
/// reset, which they do on the way down (igbvf).
pub(super) fn set_mac(netlink: &mut Netlink, index: u32, mac: MacAddress) -> Result<(), HostError> {
    let doing = |error: NetlinkError| error.while_doing(format!("setting MAC {mac}"));
    let has_it = |netlink: &mut Netlink| -> Result<bool, HostError> {
        let link = netlink.link(index).map_err(doing)?;
        Ok(link.is_some_and(|link| link.mac == Some(mac)))
    };
    if has_it(netlink)? {
        return Ok(());
    }
    let set = netlink.set_mac(index, mac).map_err(doing);
    if has_it(netlink)? {
        return Ok(());
    }
    netlink.set_up(index).map_err(doing)?;
    netlink.set_down(index).map_err(doing)?;
    if has_it(netlink)? {
        return Ok(());
    }
    set?;
    Err(HostError::NoEffect {
        what: format!("setting MAC {mac}"),
        found: "it reads back as before".to_owned(),
    })
}

/// Takes the netdev up: some address management asks over it.
pub fn set_up(allocator: &Allocator, allocated: &Allocated) -> Result<(), AttachError> {
    configure(allocator, allocated, &Addressing::default()).map(drop)
}

/// Addresses, up, routes. `None` where no netdev was allocated: then there is nothing to carry them.
pub fn configure(
    allocator: &Allocator,
    allocated: &Allocated,
    addressing: &Addressing,
) -> Result<Option<AllocatedInterface>, AttachError> {
    let Some(interface) = allocated.interface else {
        return Ok(None);
    };
    let (vf, index) = (allocated.allocation.address, interface.index);
    let name = &allocated.allocation.container.interface;
    let configured = allocated.namespace.within(|netlink| {
        if addressing.addresses.iter().any(|(it, _)| it.is_ipv6()) {
            // Runtimes turn it off where they do not know of an address.
            drop(std::fs::write(
                format!("/proc/sys/net/ipv6/conf/{name}/disable_ipv6"),
                "0",
            ));
        }
        for &(address, prefix) in &addressing.addresses {
            let added = netlink.add_address(index, address, prefix);
            added
                .map_err(|error| error.while_doing(format!("adding address {address}/{prefix}")))?;
        }
        let up = netlink.set_up(index);
        up.map_err(|error| error.while_doing(format!("setting {name} up")))?;
        for route in &addressing.routes {
            let Route {
                destination,
                prefix_length,
                ..
            } = route;
            let added = netlink.add_route(index, route);
            added.map_err(|error| {
                error.while_doing(format!("adding the route to {destination}/{prefix_length}"))
            })?;
        }
        announce::to_neighbours(netlink, index, addressing);
        seen(&find(&allocator.host, netlink, vf)?)
    })?;
    Ok(Some(configured))
}

/// Routes to nowhere do not go away with the netdev, as others do.
pub fn remove_routes_to_nowhere(
    namespace: &Path,
    addressing: &Addressing,
) -> Result<(), HostError> {
    let routes = addressing.routes.iter();
    let mut routes = routes.filter(|route| !route.hop.is_of_link()).peekable();
    if routes.peek().is_none() {
        return Ok(());
    }
    // With a namespace that is gone, so are its routes.
    if !matches!(namespace::look(namespace), Seen::Namespace(_)) {
        return Ok(());
    }
    Namespace::open(namespace)?.within(|netlink| {
        for route in routes {
            let removed = netlink.remove_route(0, route);
            let (to, length) = (route.destination, route.prefix_length);
            removed.map_err(|error| {
                error.while_doing(format!("removing the route to {to}/{length}"))
            })?;
        }
        Ok(())
    })
}

/// The netdev of a VF among those of a namespace.
pub(super) fn find(
    host: &LinuxHost,
    netlink: &mut Netlink,
    vf: PciAddress,
) -> Result<Link, HostError> {
    let links = netlink
        .links()
        .map_err(|error| error.while_doing("listing the container's interfaces".to_owned()))?;
    for link in links {
        if host.function_of(&link)? == Some(vf) {
            return Ok(link);
        }
    }
    Err(HostError::Gone {
        what: format!("the interface of VF {vf}"),
    })
}

fn seen(link: &Link) -> Result<AllocatedInterface, HostError> {
    let unreadable = |what: &str, found: String| HostError::Unreadable {
        what: format!("the {what} of {}", link.name),
        found,
    };
    Ok(AllocatedInterface {
        index: link.index,
        mac: link
            .mac
            .ok_or_else(|| unreadable("MAC", "none".to_owned()))?,
        mtu: Mtu::try_from(link.mtu).map_err(|_| unreadable("MTU", link.mtu.to_string()))?,
    })
}
