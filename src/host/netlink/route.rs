//! Routes over an interface that somebody has made.

use super::attributes::{Attribute, attributes, find};
use super::{Malformed, Netlink, NetlinkError};
use netlink_packet_route::route::{RouteAttribute, RouteMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use std::net::IpAddr;

/// `struct rtmsg`: family, lengths of destination and source, tos, table, protocol, scope, type, flags.
const ROUTE_HEADER: usize = 12;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_MULTIPATH: u16 = 9;
/// `struct rtnexthop`: length, flags, hops, interface.
const NEXTHOP_HEADER: usize = 8;

const RTPROT_REDIRECT: u8 = 1;
const RTPROT_KERNEL: u8 = 2;
/// Told by a router, and taken by a kernel that is not told otherwise.
const RTPROT_RA: u8 = 9;

/// The destination of a route that leads over `interface` and that somebody has made. `None` for
/// others.
fn parse(message: &[u8], interface: u32) -> Result<Option<String>, Malformed> {
    let body = message
        .get(ROUTE_HEADER..)
        .ok_or(Malformed("a route's header"))?;
    if matches!(message[5], RTPROT_REDIRECT | RTPROT_KERNEL | RTPROT_RA) {
        return Ok(None);
    }
    let leads_there = |attribute: Attribute<'_>| match attribute.kind {
        RTA_OIF => attribute.u32() == Some(interface),
        RTA_MULTIPATH => nexthops(attribute.value).any(|index| index == interface),
        _ => false,
    };
    if !attributes(body).any(leads_there) {
        return Ok(None);
    }
    let to = find(body, RTA_DST);
    let ip = to.and_then(|to| {
        let v4 = <[u8; 4]>::try_from(to.value).map(IpAddr::from);
        v4.or_else(|_| <[u8; 16]>::try_from(to.value).map(IpAddr::from))
            .ok()
    });
    Ok(Some(match ip {
        Some(ip) => format!("{ip}/{}", message[1]),
        None => "default".to_owned(),
    }))
}

fn nexthops(mut bytes: &[u8]) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let length = u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?);
        let index = super::attributes::u32_at(bytes, 4)?;
        let length = usize::from(length).max(NEXTHOP_HEADER);
        bytes = bytes
            .get(super::attributes::align(length)..)
            .unwrap_or_default();
        Some(index)
    })
}

impl Netlink {
    /// Where they lead, of both families.
    pub fn routes_over(&mut self, interface: u32) -> Result<Vec<String>, NetlinkError> {
        // So that the kernel leaves out the others itself. One older than 4.20 cannot.
        let strict = self
            .exchange
            .socket
            .set_netlink_get_strict_chk(true)
            .is_ok();
        let found = self.dump_routes(interface);
        if strict {
            self.exchange.socket.set_netlink_get_strict_chk(false)?;
        }
        found
    }

    fn dump_routes(&mut self, interface: u32) -> Result<Vec<String>, NetlinkError> {
        let mut found = Vec::new();
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let mut request = RouteMessage::default();
            request.header.address_family = family;
            request.attributes.push(RouteAttribute::Oif(interface));
            let request = RouteNetlinkMessage::GetRoute(request);
            found.extend(
                self.exchange
                    .dump(&request, |body| parse(body, interface))?,
            );
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
