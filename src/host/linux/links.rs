//! What a look at a PF asks of netlink.

use crate::netlink::{
    self, InterfaceAddress, Link, Netlink, NetlinkError, QueueDiscipline, TcOffload,
};
use sriovd_core::model::{DevlinkParams, EswitchMode, PciAddress};
use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;

/// What an observation asks of netlink: so that tests can answer for prepared trees.
pub(super) trait Links {
    fn link(&mut self, index: u32) -> Result<Option<Link>, NetlinkError>;
    /// Those that stand on this function, as they are while others come and go.
    fn links_on(&mut self, function: PciAddress) -> Result<Vec<Link>, NetlinkError>;
    fn addresses(&mut self) -> Result<Vec<InterfaceAddress>, NetlinkError>;
    /// How many programs have this RDMA device open.
    fn rdma_contexts(&mut self, device: &str) -> Result<u64, NetlinkError>;
    fn queue_disciplines(&mut self) -> Result<Vec<QueueDiscipline>, NetlinkError>;
    /// See `netlink::eswitch_mode`.
    fn eswitch_mode(&mut self, pf: PciAddress) -> Result<Option<EswitchMode>, NetlinkError>;
    /// See `netlink::params`.
    fn params(&mut self, pf: PciAddress) -> Result<DevlinkParams, NetlinkError>;
    /// See `netlink::tc_offload`.
    fn tc_offload(&mut self, interface: u32) -> Result<Option<TcOffload>, NetlinkError>;
    /// See `netlink::tc_offloads`.
    fn tc_offloads(&mut self, bit: u32) -> Result<BTreeMap<u32, Option<bool>>, NetlinkError>;
    /// Where routes lead that somebody has made over this interface.
    fn routes_over(&mut self, interface: u32) -> Result<Vec<String>, NetlinkError>;
    /// The links in another network namespace, none where none of ours ever went there.
    fn links_in(&mut self, namespace: BorrowedFd<'_>) -> Result<Vec<Link>, NetlinkError>;
}

impl Links for Netlink {
    fn link(&mut self, index: u32) -> Result<Option<Link>, NetlinkError> {
        self.link(index)
    }

    fn links_on(&mut self, function: PciAddress) -> Result<Vec<Link>, NetlinkError> {
        self.links_on(function)
    }

    fn addresses(&mut self) -> Result<Vec<InterfaceAddress>, NetlinkError> {
        self.addresses()
    }

    fn rdma_contexts(&mut self, device: &str) -> Result<u64, NetlinkError> {
        netlink::rdma_user_contexts(device)
    }

    fn queue_disciplines(&mut self) -> Result<Vec<QueueDiscipline>, NetlinkError> {
        self.queue_disciplines()
    }

    fn eswitch_mode(&mut self, pf: PciAddress) -> Result<Option<EswitchMode>, NetlinkError> {
        netlink::eswitch_mode(&pf.into())
    }

    fn params(&mut self, pf: PciAddress) -> Result<DevlinkParams, NetlinkError> {
        netlink::params(&pf.into())
    }

    fn tc_offload(&mut self, interface: u32) -> Result<Option<TcOffload>, NetlinkError> {
        netlink::tc_offload(interface)
    }

    fn tc_offloads(&mut self, bit: u32) -> Result<BTreeMap<u32, Option<bool>>, NetlinkError> {
        netlink::tc_offloads(bit)
    }

    fn routes_over(&mut self, interface: u32) -> Result<Vec<String>, NetlinkError> {
        self.routes_over(interface)
    }

    fn links_in(&mut self, namespace: BorrowedFd<'_>) -> Result<Vec<Link>, NetlinkError> {
        match self.namespace_id(namespace)? {
            Some(id) => self.links_in(id),
            None => Ok(Vec::new()),
        }
    }
}
