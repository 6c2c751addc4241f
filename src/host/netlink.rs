//! Requests to the kernel over netlink, in the network namespace of the caller: rtnetlink, RDMA, and the
//! families of generic netlink.

mod address;
mod answer;
mod attributes;
mod change;
mod devlink;
mod discipline;
mod error;
mod ethtool;
mod exchange;
mod generic;
mod link;
mod namespace;
mod rdma;
mod request;
mod route;
mod statistics;
mod vf;

pub use address::InterfaceAddress;
use attributes::u32_at;
pub use change::{Hop, Route};
pub use devlink::{DevlinkHandle, eswitch_mode, params, reload, set_eswitch_mode, set_param};
pub use discipline::QueueDiscipline;
pub use error::{Malformed, NetlinkError};
pub use ethtool::{TcOffload, set_tc_offload, tc_offload, tc_offloads};
use exchange::Exchange;
pub use generic::GenericFamily;
pub use link::Link;
use netlink_packet_core::NLM_F_ACK;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkExtentMask, LinkFlags, LinkMessage};
use netlink_sys::protocols::NETLINK_ROUTE;
pub use rdma::user_contexts as rdma_user_contexts;
use sriovd_core::model::{Errno, Mtu, VfIndex, VfSetting};
use std::cell::Cell;

/// Requests to rtnetlink.
pub struct Netlink {
    exchange: Exchange,
}

/// Work with a socket that this thread keeps for the next time: to open one costs more than most
/// requests. For threads that stay in the network namespace they began in.
pub fn with_kept<T>(work: impl FnOnce(&mut Netlink) -> T) -> Result<T, NetlinkError> {
    thread_local! {
        static KEPT: Cell<Option<Netlink>> = const { Cell::new(None) };
    }
    let mut netlink = match KEPT.take() {
        Some(netlink) => netlink,
        None => Netlink::open()?,
    };
    let result = work(&mut netlink);
    KEPT.set(Some(netlink));
    Ok(result)
}

impl Netlink {
    /// A socket that talks to the kernel only; an answer has 10 seconds.
    pub fn open() -> Result<Self, NetlinkError> {
        let exchange = Exchange::open(NETLINK_ROUTE)?;
        Ok(Self { exchange })
    }

    /// The link with its VFs; `None` where no link has this index.
    pub fn link(&mut self, index: u32) -> Result<Option<Link>, NetlinkError> {
        let mut request = message(index);
        // Statistics of VFs cost a third of the message, and some drivers ask the hardware.
        let mask = vec![LinkExtentMask::Vf, LinkExtentMask::SkipStats];
        request.attributes.push(LinkAttribute::ExtMask(mask));
        let request = RouteNetlinkMessage::GetLink(request);
        let mut found = None;
        let answer = self.exchange.ask(&request, 0, |body| {
            found = Some(Link::parse(body)?);
            Ok(())
        });
        match answer {
            Ok(_) => Ok(found),
            Err(error) if error.errno() == Some(Errno::NODEV) => Ok(None),
            // Some kernels reckon one answer too small for many VFs, but not the parts of a dump.
            Err(error) if error.errno() == Some(Errno::MSGSIZE) => {
                let is_it = |body: &[u8]| u32_at(body, 4) == Some(index);
                let links = self.exchange.dump(&request, |body| {
                    is_it(body).then(|| Link::parse(body)).transpose()
                })?;
                Ok(links.into_iter().next())
            }
            Err(error) => Err(error),
        }
    }

    /// Sets one attribute of a VF through the PF's link with this index.
    pub fn set_vf(
        &mut self,
        index: u32,
        vf: VfIndex,
        setting: VfSetting,
    ) -> Result<(), NetlinkError> {
        let mut request = message(index);
        request.attributes.push(vf::setting(vf, setting));
        self.set(request)
    }

    /// In bytes. The driver may refuse what the protocol allows.
    pub fn set_mtu(&mut self, index: u32, mtu: Mtu) -> Result<(), NetlinkError> {
        let mut request = message(index);
        request.attributes.push(LinkAttribute::Mtu(mtu.get()));
        self.set(request)
    }

    /// `ip link set up`: also waits for the driver to open the device.
    pub fn set_up(&mut self, index: u32) -> Result<(), NetlinkError> {
        let mut request = message(index);
        request.header.flags = LinkFlags::Up;
        request.header.change_mask = LinkFlags::Up;
        self.set(request)
    }

    fn set(&mut self, request: LinkMessage) -> Result<(), NetlinkError> {
        let request = RouteNetlinkMessage::NewLink(request);
        self.exchange.ask(&request, NLM_F_ACK, |_| Ok(()))
    }
}

fn message(index: u32) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message
}

#[cfg(test)]
mod tests;
