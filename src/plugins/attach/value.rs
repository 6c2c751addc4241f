//! What is asked for of a VF for a container, and what was done for it.

use sriovd_core::model::{
    Allocation, Container, MacAddress, Mtu, PciAddress, ResourceName, VfIndex, VfSettings,
};
use sriovd_host::namespace::Namespace;
use sriovd_host::netlink::Route;
use std::fs::File;
use std::net::IpAddr;

/// Which VF is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// This one.
    Vf(PciAddress),
    /// A free one of the pool, or the free one of this index.
    OfPool {
        /// The pool.
        pool: ResourceName,
        /// The index on its PF, which the VF must have; `None`: any.
        index: Option<VfIndex>,
    },
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The container, and where the netdev is to go.
    pub container: Container,
    /// The VF that is wanted.
    pub choice: Choice,
    /// The network's, over those that the policy set. With a MAC, the netdev gets it too.
    pub settings: VfSettings,
    /// In bytes; `None`: as the policy set it.
    pub mtu: Option<Mtu>,
    /// Whether a VF will do that a user-space driver has: its attributes are set, and no netdev
    /// moves.
    pub userspace: bool,
}

/// A VF that is allocated, under its lock as long as this lives.
#[derive(Debug)]
pub struct Allocated {
    /// What was written down of it.
    pub allocation: Allocation,
    /// The netdev in its new place. `None` for a VF that a user-space driver has.
    pub interface: Option<AllocatedInterface>,
    /// The VF's MAC by its PF, if that gave it one.
    pub admin_mac: Option<MacAddress>,
    pub(super) namespace: Namespace,
    pub(super) _lock: File,
}

/// The netdev of an allocated VF, in the container's namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AllocatedInterface {
    /// `ifindex` there.
    pub index: u32,
    /// The address that it has.
    pub mac: MacAddress,
    /// In bytes.
    pub mtu: Mtu,
}

/// What the netdev carries in the container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Addressing {
    /// With their prefix lengths.
    pub addresses: Vec<(IpAddr, u8)>,
    /// Routes through the interface, and to nowhere.
    pub routes: Vec<Route>,
}
