//! The host as it was seen: owned, serialisable, without handles to anything.

use super::{
    DriverName, Holder, InterfaceName, MacAddress, Mtu, PciAddress, PciId, VfIndex, VfSettings,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Everything that decisions may depend on. `sriovctl snapshot` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Default, JsonSchema, Serialize, Deserialize)]
pub struct HostSnapshot {
    pub node: Node,
    pub pfs: BTreeMap<PciAddress, PfSnapshot>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, JsonSchema, Serialize, Deserialize)]
pub struct Node {
    pub hostname: String,
    /// The settings give it, whatever the kernel says.
    #[serde(default, skip_serializing_if = "is_false")]
    pub hostname_is_set: bool,
    /// What a driver was learnt not to support holds for one kernel release only.
    pub kernel: String,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum LinkType {
    Ether,
    Infiniband,
}

impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ether => "ether",
            Self::Infiniband => "infiniband",
        })
    }
}

/// A network device with the SR-IOV capability.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct PfSnapshot {
    pub address: PciAddress,
    pub vendor: PciId,
    pub device: PciId,
    /// Names from the hardware database of the system, where it has them.
    #[serde(default)]
    pub vendor_name: Option<String>,
    #[serde(default)]
    pub model_name: Option<String>,
    pub driver: Option<DriverName>,
    /// Whether udev has processed the device, which is when its driver is loaded. Without udev, and
    /// in a snapshot that does not say, nobody is to come.
    #[serde(default = "yes")]
    pub initialized: bool,
    pub numa_node: Option<u16>,
    /// `sriov_totalvfs`: what the device offers.
    pub total_vfs: u16,
    /// How many VFs exist, counted by their `virtfn` links.
    pub num_vfs: u16,
    /// `sriov_drivers_autoprobe`: whether new VFs meet the kernel's default driver.
    pub autoprobe: bool,
    pub interface: Option<PfInterface>,
    /// The driver made one and it is not in our namespace: somebody took it into theirs.
    #[serde(default, skip_serializing_if = "is_false")]
    pub interface_elsewhere: bool,
    /// False where the kernel's VF list held fewer VFs than it announced: never repair from it.
    pub vf_list_complete: bool,
    /// The VFs that are there are not as many as the kernel announces: somebody is just making
    /// or removing them.
    #[serde(default)]
    pub count_is_changing: bool,
    pub vfs: BTreeMap<VfIndex, VfSnapshot>,
    /// Who uses which VF; `None` as long as nobody looked.
    #[serde(default)]
    pub holders: Option<BTreeMap<VfIndex, BTreeSet<Holder>>>,
}

impl PfSnapshot {
    /// Whether its driver may still make an interface, or never make one: nothing tells which.
    pub fn awaits_interface(&self) -> bool {
        let driver = self.driver.as_ref();
        self.interface.is_none()
            && !self.interface_elsewhere
            && driver.is_some_and(|driver| !driver.makes_no_netdev())
    }

    /// The PF as a person names it: its interface if it has one, else its address.
    pub fn display_name(&self) -> String {
        match &self.interface {
            Some(interface) => interface.name.to_string(),
            None => self.address.to_string(),
        }
    }

    /// `None` where the PF has none, or its interface is out of sight.
    pub fn permanent_mac(&self) -> Option<MacAddress> {
        let mac = self.interface.as_ref().map(|nic| nic.permanent_mac);
        mac.filter(|mac| *mac != MacAddress::ZERO)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct PfInterface {
    pub index: u32,
    pub name: InterfaceName,
    #[serde(default)]
    pub altnames: BTreeSet<String>,
    /// Names and altnames of the function's other ports, where it has several.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub other_ports: BTreeSet<String>,
    /// False until udev's rules ran: the interface may still get another name.
    pub name_is_final: bool,
    pub permanent_mac: MacAddress,
    pub mtu: Mtu,
    pub up: bool,
    pub carrier: bool,
    /// Mbit/s, where the link has a speed.
    pub speed: Option<u32>,
    pub link_type: LinkType,
}

impl PfInterface {
    /// By which the function goes besides the interface's own name.
    pub fn other_names(&self) -> impl Iterator<Item = &String> {
        self.altnames.iter().chain(&self.other_ports)
    }

    pub fn goes_by(&self, name: &str) -> bool {
        self.name.as_str() == name || self.other_names().any(|other| other == name)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct VfSnapshot {
    pub address: PciAddress,
    pub vendor: PciId,
    pub device: PciId,
    pub driver: Option<DriverName>,
    #[serde(default)]
    pub driver_override: Option<DriverName>,
    #[serde(default)]
    pub iommu_group: Option<u32>,
    /// There is no IOMMU behind its group: VFIO was told to do without.
    #[serde(default, skip_serializing_if = "is_false")]
    pub no_iommu: bool,
    /// Its RDMA devices for user space, such as `uverbs0`, in `/dev/infiniband`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rdma: Vec<String>,
    /// The netdev, if it is in our network namespace.
    pub interface: Option<VfInterface>,
    /// The driver made a netdev and it is not in our namespace: somebody took it into theirs.
    #[serde(default)]
    pub interface_elsewhere: bool,
    /// The driver is only a bus (virtio), and what it found there no driver took: there will be no
    /// netdev.
    #[serde(default)]
    pub half_bound: bool,
    /// What the PF says of the VF; a driver that reports nothing of an attribute leaves it out.
    #[serde(default)]
    pub settings: VfSettings,
}

impl VfSnapshot {
    /// Whether the PF or the VF's own netdev has this address for it.
    pub fn goes_by(&self, mac: Option<MacAddress>) -> bool {
        let own = self.interface.as_ref().map(|interface| interface.mac);
        mac.is_some() && (self.settings.mac == mac || own == mac)
    }

    /// Its netdev, here or elsewhere, is gone or was not there yet, and nothing else has taken it.
    pub fn awaits_netdev(&self) -> bool {
        self.driver.is_none() || self.lacks_netdev()
    }

    /// Bound to a driver that makes netdevs, and without one, here or elsewhere.
    pub fn lacks_netdev(&self) -> bool {
        let driver = self.driver.as_ref();
        driver.is_some_and(|driver| !driver.is_userspace())
            && self.interface.is_none()
            && !self.interface_elsewhere
    }
}

#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct VfInterface {
    pub index: u32,
    pub name: InterfaceName,
    pub mac: MacAddress,
    pub mtu: Mtu,
    pub up: bool,
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it so")]
fn is_false(it: &bool) -> bool {
    !it
}
