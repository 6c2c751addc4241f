//! The host itself: files and netlink behind the seam.

mod apply;
mod bind;
mod holders;
mod interface;
pub mod kubelet;
mod links;
pub mod lock;
mod managers;
mod netdev;
mod observe;
mod others;
mod paths;
mod pcie;
#[cfg(any(test, feature = "testing"))]
pub mod prepared;
mod quiet;
mod records;
mod representor;
mod udev;
mod user_space;

use super::netlink::{self, Link};
use super::sysfs::{Tree, if_present};
use super::{Host, HostError, Look};
use crate::file::apart::Apart;
use crate::ovsdb::Ovsdb;
pub use others::OtherDevice;
use paths::{device, is_on_bus};
use sriovd_core::model::bridge::OpenVswitch;
use sriovd_core::model::{
    Action, DriverName, Holder, Node, PciAddress, PfSnapshot, TakenAddresses, VfIndex, VfInterface,
    VfSetting, VfStatistics,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Files below a root; interfaces in the network namespace of the calling thread.
#[derive(Debug, Clone)]
pub struct LinuxHost {
    tree: Tree,
}

impl LinuxHost {
    /// The host whose `/sys`, `/dev`, `/run` and so on are below `root`; `/` outside tests.
    pub fn new(root: PathBuf) -> Self {
        Self::with_apart(root, Apart::default())
    }

    /// The same, with `apart` for what may not answer, such as the file system of the records of allocated VFs.
    pub fn with_apart(root: PathBuf, apart: Apart) -> Self {
        Self {
            tree: Tree::with_apart(root, apart),
        }
    }

    /// One attribute of a VF, through its PF's `interface`. For those who hold the VF's lock.
    pub fn set_vf(
        &self,
        pf: PciAddress,
        interface: u32,
        vf: VfIndex,
        setting: VfSetting,
    ) -> Result<(), HostError> {
        apply::set_vf(&self.tree, pf, interface, vf, setting)
    }

    /// Where the device's netdev is. A device that is gone has none.
    pub fn netdev_of(&self, function: PciAddress) -> Result<Whereabouts, HostError> {
        let device = device(function);
        let driver: Option<DriverName> = if_present(self.tree.link_as(device.join("driver")))?;
        let kernel = driver.as_ref().is_some_and(|driver| !driver.is_userspace());
        Ok(match netdev::list(&self.tree, &device, driver.as_ref())? {
            Some(netdevs) if !netdevs.is_empty() => Whereabouts::Here,
            Some(_) if kernel => Whereabouts::Elsewhere,
            _ => Whereabouts::Nowhere,
        })
    }

    /// Whether this PCI function is on the bus.
    pub fn is_present(&self, function: PciAddress) -> Result<bool, HostError> {
        is_on_bus(&self.tree, function)
    }

    /// Whether udev has yet to name a VF's interface.
    pub fn awaits_name(&self, interface: &VfInterface) -> Result<bool, HostError> {
        netdev::awaits_name(&self.tree, interface)
    }

    /// Lets a device's driver begin again, with a new netdev. For those who hold the VF's lock.
    pub fn rebind(&self, function: PciAddress) -> Result<(), HostError> {
        bind::rebind(&self.tree, function)
    }

    /// The PCI function that a link stands on, by what the link says of its parent.
    pub fn function_of(&self, link: &Link) -> Result<Option<PciAddress>, HostError> {
        match &link.parent_device {
            Some(device) => holders::pci_function(&self.tree, device),
            None => Ok(None),
        }
    }
}

/// Where a netdev is, as seen from our network namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whereabouts {
    /// In our namespace.
    Here,
    /// In another namespace: its driver makes one, and none is here.
    Elsewhere,
    /// There is none: no driver, or one for user space.
    Nowhere,
}

impl Host for LinuxHost {
    fn node(&self) -> Result<Node, HostError> {
        let system = rustix::system::uname();
        Ok(Node {
            hostname: system.nodename().to_string_lossy().into_owned(),
            hostname_is_set: false,
            kernel: system.release().to_string_lossy().into_owned(),
            labels: BTreeMap::new(),
        })
    }

    fn pfs(&self) -> Result<BTreeSet<PciAddress>, HostError> {
        observe::pfs(&self.tree)
    }

    fn pf_of(&self, device: PciAddress) -> Result<Option<PciAddress>, HostError> {
        observe::pf_of(&self.tree, device)
    }

    fn observe(&self, pf: PciAddress, look: Look) -> Result<Option<PfSnapshot>, HostError> {
        netlink::with_kept(|links| observe::observe(&self.tree, links, pf, look))
            .map_err(|error| error.while_doing("opening netlink".to_owned()))?
    }

    fn apply(&self, action: &Action) -> Result<(), HostError> {
        apply::apply(&self.tree, action)
    }

    fn allocated(&self, pf: &PfSnapshot) -> Result<BTreeMap<VfIndex, Holder>, HostError> {
        holders::allocated(&self.tree, pf)
    }

    fn taken_addresses(&self, but: PciAddress) -> Result<TakenAddresses, HostError> {
        netlink::with_kept(|links| observe::taken_addresses(&self.tree, links, but))
            .map_err(|error| error.while_doing("opening netlink".to_owned()))?
    }

    fn open_vswitch(&self) -> OpenVswitch {
        Ovsdb::of(&self.tree).look()
    }

    fn vf_statistics(&self, interface: u32) -> Result<BTreeMap<VfIndex, VfStatistics>, HostError> {
        let counted = netlink::with_kept(|links| links.vf_statistics(interface)).and_then(|it| it);
        counted.map_err(|error| error.while_doing("reading the counters of VFs".to_owned()))
    }
}

#[cfg(test)]
mod tests;
