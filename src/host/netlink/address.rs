//! The addresses that interfaces carry.

use super::attributes::{find, u32_at};
use super::{Malformed, Netlink, NetlinkError};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::AddressMessage;
use std::net::IpAddr;

/// `struct ifaddrmsg`: family, prefix length, flags, scope, interface index.
const ADDRESS_HEADER: usize = 8;

const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;

/// An IP address of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InterfaceAddress {
    /// `ifindex` of the interface.
    pub interface: u32,
    /// The address without its prefix length.
    pub address: IpAddr,
}

impl InterfaceAddress {
    /// Reads the body of an `RTM_NEWADDR` message. `None` for other families than IP.
    pub fn parse(message: &[u8]) -> Result<Option<Self>, Malformed> {
        let interface = u32_at(message, 4).ok_or(Malformed("an address's header"))?;
        let body = message.get(ADDRESS_HEADER..).unwrap_or_default();
        let ip = |kind| {
            let bytes = find(body, kind)?.value;
            let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
            v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
                .ok()
        };
        // On a point-to-point link IFA_ADDRESS is the other end.
        let address = ip(IFA_LOCAL).or_else(|| ip(IFA_ADDRESS));
        Ok(address.map(|address| Self { interface, address }))
    }

    /// Made up by the host itself, without anybody's plan for the interface.
    pub fn is_link_local(&self) -> bool {
        match self.address {
            IpAddr::V4(address) => address.is_link_local(),
            IpAddr::V6(address) => address.is_unicast_link_local(),
        }
    }
}

impl Netlink {
    /// All addresses in this network namespace.
    pub fn addresses(&mut self) -> Result<Vec<InterfaceAddress>, NetlinkError> {
        let request = RouteNetlinkMessage::GetAddress(AddressMessage::default());
        self.exchange.dump(&request, InterfaceAddress::parse)
    }
}

#[cfg(test)]
mod tests;
