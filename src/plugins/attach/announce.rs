//! Neighbours learn where an IPv4 address moved. Best effort: without, they learn it when they ask.
//! (Those that have it from IPv6's neighbour discovery find out by themselves: RFC 4861, 7.3.)

use super::Addressing;
use sriovd_host::netlink::{Netlink, Route};
use std::net::{IpAddr, Ipv4Addr};

/// The kernel announces the interface's addresses whenever it is set up.
pub(super) fn when_up(name: &str) {
    drop(std::fs::write(
        format!("/proc/sys/net/ipv4/conf/{name}/arp_notify"),
        "1",
    ));
}

/// Nobody hears what the kernel announces before there is a carrier. A question to a neighbour is
/// repeated, and tells all who hear it who asks.
pub(super) fn to_neighbours(netlink: &mut Netlink, index: u32, addressing: &Addressing) {
    for &(address, prefix) in &addressing.addresses {
        if let IpAddr::V4(address) = address
            && let Some(neighbour) = neighbour(address, prefix, &addressing.routes)
        {
            drop(netlink.solicit(index, neighbour.into()));
        }
    }
}

/// Somebody else in the same network: its gateway, if it has one.
fn neighbour(address: Ipv4Addr, prefix: u8, routes: &[Route]) -> Option<Ipv4Addr> {
    let host_bits = 32_u32.checked_sub(prefix.into())?;
    let mask = u32::MAX.checked_shl(host_bits).unwrap_or(0);
    let is_neighbour =
        |&other: &Ipv4Addr| other != address && (other.to_bits() ^ address.to_bits()) & mask == 0;
    let gateways = routes.iter().filter_map(|route| match route.hop.gateway() {
        Some(IpAddr::V4(gateway)) => Some(gateway),
        _ => None,
    });
    let network = address.to_bits() & mask;
    let hosts = [1, 2].map(|host| Ipv4Addr::from_bits(network.wrapping_add(host)));
    gateways.chain(hosts).find(is_neighbour)
}

#[cfg(test)]
mod tests;
