//! What a PF has counted for its VFs.

use super::attributes::{Attribute, attributes, find, header, u32_at};
use super::link::LINK_HEADER;
use super::vf::parse_list;
use super::{Malformed, Netlink, NetlinkError, message};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkExtentMask};
use sriovd_core::model::{Errno, VfIndex, VfStatistics};
use std::collections::BTreeMap;

const IFLA_NUM_VF: u16 = 21;
const IFLA_VFINFO_LIST: u16 = 22;
const IFLA_VF_MAC: u16 = 1;
const IFLA_VF_STATS: u16 = 8;

type Statistics = BTreeMap<VfIndex, VfStatistics>;

impl Netlink {
    /// Empty where no link has this index, or its driver does not count. Some drivers ask the
    /// hardware.
    pub fn vf_statistics(&mut self, index: u32) -> Result<Statistics, NetlinkError> {
        let mut request = message(index);
        let mask = LinkAttribute::ExtMask(vec![LinkExtentMask::Vf]);
        request.attributes.push(mask);
        let request = RouteNetlinkMessage::GetLink(request);
        let mut found = Statistics::new();
        let answer = self.exchange.ask(&request, 0, |body| {
            found = parse(body)?;
            Ok(())
        });
        match answer {
            Ok(_) => Ok(found),
            Err(error) if error.errno() == Some(Errno::NODEV) => Ok(Statistics::new()),
            // As for `link`.
            Err(error) if error.errno() == Some(Errno::MSGSIZE) => {
                let is_it = |body: &[u8]| u32_at(body, 4) == Some(index);
                let found = self.exchange.dump(&request, |body| {
                    is_it(body).then(|| parse(body)).transpose()
                })?;
                Ok(found.into_iter().next().unwrap_or_default())
            }
            Err(error) => Err(error),
        }
    }
}

fn parse(message: &[u8]) -> Result<Statistics, Malformed> {
    let mut rest = message
        .get(LINK_HEADER..)
        .ok_or(Malformed("a link's header"))?;
    let mut announced = None;
    while let Some((_, kind)) = header(rest) {
        if kind == IFLA_VFINFO_LIST {
            return Ok(parse_list(rest, announced, parse_entry).0);
        }
        let (attribute, after) =
            Attribute::split(rest).ok_or(Malformed("the length of a link's attribute"))?;
        if kind == IFLA_NUM_VF {
            announced = attribute.u32();
        }
        rest = after;
    }
    Ok(Statistics::new())
}

fn parse_entry(entry: &[u8]) -> Option<(VfIndex, VfStatistics)> {
    let mac = find(entry, IFLA_VF_MAC)?;
    let index = u32_at(mac.value, 0)?.try_into().ok().map(VfIndex)?;
    let mut statistics = VfStatistics::default();
    let counters = find(entry, IFLA_VF_STATS);
    for counter in counters.iter().flat_map(|list| attributes(list.value)) {
        let value = counter.value.get(..8).and_then(|it| it.try_into().ok());
        let value = value.map_or(0, u64::from_ne_bytes);
        match counter.kind {
            0 => statistics.rx_packets = value,
            1 => statistics.tx_packets = value,
            2 => statistics.rx_bytes = value,
            3 => statistics.tx_bytes = value,
            4 => statistics.rx_broadcast = value,
            5 => statistics.rx_multicast = value,
            7 => statistics.rx_dropped = value,
            8 => statistics.tx_dropped = value,
            _ => {}
        }
    }
    Some((index, statistics))
}

#[cfg(test)]
mod tests;
