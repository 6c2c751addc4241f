//! The queueing disciplines of interfaces, on which tc's filters stand.

use super::attributes::{find, u32_at};
use super::{Malformed, Netlink, NetlinkError};
use crate::printable;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::tc::TcMessage;

/// `struct tcmsg`: family, padding, interface, handle, parent, info.
const TC_HEADER: usize = 20;
const TCA_KIND: u16 = 1;

/// A queueing discipline of an interface, as `tc qdisc` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueDiscipline {
    /// `ifindex` of the interface.
    pub interface: u32,
    /// Such as `fq_codel` or `clsact`.
    pub kind: String,
    /// 0 for those that the kernel gives each interface.
    pub handle: u32,
}

impl QueueDiscipline {
    /// Reads the body of an `RTM_NEWQDISC` message.
    pub fn parse(message: &[u8]) -> Result<Option<Self>, Malformed> {
        const HEADER: Malformed = Malformed("a queueing discipline's header");
        let body = message.get(TC_HEADER..).ok_or(HEADER)?;
        let kind = find(body, TCA_KIND);
        Ok(Some(Self {
            interface: u32_at(message, 4).ok_or(HEADER)?,
            handle: u32_at(message, 8).ok_or(HEADER)?,
            kind: kind.map_or_else(String::new, |kind| printable(kind.text())),
        }))
    }

    /// Whether an administrator or program chose it, and not the kernel.
    pub fn is_chosen(&self) -> bool {
        self.handle != 0
    }
}

impl Netlink {
    /// Those of all interfaces in this network namespace.
    pub fn queue_disciplines(&mut self) -> Result<Vec<QueueDiscipline>, NetlinkError> {
        let request = RouteNetlinkMessage::GetQueueDiscipline(TcMessage::default());
        self.exchange.dump(&request, QueueDiscipline::parse)
    }
}

#[cfg(test)]
mod tests;
