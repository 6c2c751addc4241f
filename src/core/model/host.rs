//! The host as it was seen: owned, serialisable, without handles to anything.

use super::bridge::OpenVswitch;
use super::{
    DevlinkParams, DriverName, EswitchMode, Holder, InterfaceName, MacAddress, Mtu, PciAddress,
    PciId, VfIndex, VfSettings,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Everything that decisions may depend on. `sriovctl snapshot` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Default, JsonSchema, Serialize, Deserialize)]
pub struct HostSnapshot {
    /// What policies may ask of the host itself.
    pub node: Node,
    /// Every network device with the SR-IOV capability, by its PCI address.
    pub pfs: BTreeMap<PciAddress, PfSnapshot>,
}

/// The host, as far as policies and plans depend on it.
#[derive(Debug, Clone, PartialEq, Eq, Default, JsonSchema, Serialize, Deserialize)]
pub struct Node {
    /// The kernel's host name, or `hostname` of `/etc/sriovd.toml`. Globs of `policy.node.hostname`
    /// match it.
    pub hostname: String,
    /// `hostname` comes from the settings and not from the kernel.
    #[serde(default, skip_serializing_if = "is_false")]
    pub hostname_is_set: bool,
    /// The kernel release (`uname -r`). What a driver was found not to support holds for one release only.
    pub kernel: String,
    /// `[node.labels]` of `/etc/sriovd.toml`: what `policy.node.labels` is compared with.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// The link layer of an interface, by its hardware type (`ARPHRD_*` in
/// include/uapi/linux/if_arp.h).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum LinkType {
    /// `ARPHRD_ETHER`
    Ether,
    /// `ARPHRD_INFINIBAND`
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
    /// The PCI address of the PF.
    pub address: PciAddress,
    /// The PCI vendor id (`vendor` in sysfs).
    pub vendor: PciId,
    /// The PCI device id of the PF; its VFs have another.
    pub device: PciId,
    /// Names from the hardware database of the system, where it has them.
    #[serde(default)]
    pub vendor_name: Option<String>,
    /// The model's name from the same database.
    #[serde(default)]
    pub model_name: Option<String>,
    /// The driver that is bound to the PF.
    pub driver: Option<DriverName>,
    /// Whether udev has processed the device, which is when its driver is loaded. True without udev, and
    /// in a snapshot that does not say.
    #[serde(default = "yes")]
    pub initialized: bool,
    /// `numa_node` in sysfs. `None` where the firmware names none (-1).
    pub numa_node: Option<u16>,
    /// The PCIe root complex that it hangs below, such as `pci0000:3a`: the directory's name in sysfs. `None` where the path
    /// names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pcie_root: Option<String>,
    /// `sriov_totalvfs`: what the device offers.
    pub total_vfs: u16,
    /// How many VFs exist, counted by their `virtfn` links.
    pub num_vfs: u16,
    /// `sriov_drivers_autoprobe`: whether new VFs meet the kernel's default driver.
    pub autoprobe: bool,
    /// How the NIC's own switch works; `None` where the driver lets nobody ask or choose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eswitch_mode: Option<EswitchMode>,
    /// The mode is not known, because whoever looked had no right to ask for it (CAP_NET_ADMIN).
    #[serde(default, skip_serializing_if = "is_false")]
    pub eswitch_hidden: bool,
    /// The parameters of its driver that devlink tells; `None` as long as nobody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<DevlinkParams>,
    /// The PF's netdev, if it is in our network namespace.
    pub interface: Option<PfInterface>,
    /// The driver made an interface, and it was moved to another network namespace.
    #[serde(default, skip_serializing_if = "is_false")]
    pub interface_elsewhere: bool,
    /// False where the kernel's VF list (`IFLA_VFINFO_LIST`) held fewer VFs than `IFLA_NUM_VF` announces:
    /// nothing is repaired from a short list.
    pub vf_list_complete: bool,
    /// `sriov_numvfs` and the number of `virtfn` links differ: VFs are just being created or removed.
    #[serde(default)]
    pub count_is_changing: bool,
    /// The VFs that exist, by their index.
    pub vfs: BTreeMap<VfIndex, VfSnapshot>,
    /// The holders of each VF; `None` where they were not looked for.
    #[serde(default)]
    pub holders: Option<BTreeMap<VfIndex, BTreeSet<Holder>>>,
    /// The bridges of Open vSwitch; `None` as long as nobody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_vswitch: Option<OpenVswitch>,
    /// What uses the PF's own interface; `None` as long as nobody looked.
    #[serde(default, skip_serializing_if = "is_unused")]
    pub users: Option<BTreeSet<Holder>>,
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

    /// Whether the interface with this index is its own, and up.
    pub fn is_up_as(&self, index: u32) -> bool {
        let interface = self.interface.as_ref();
        interface.is_some_and(|interface| interface.index == index && interface.up)
    }

    /// See `PfInterface::known_mac`.
    pub fn known_mac(&self) -> Option<MacAddress> {
        let mac = self.interface.as_ref().map(PfInterface::known_mac);
        mac.filter(|mac| *mac != MacAddress::ZERO)
    }

    /// `None` where the PF has none, or its interface is out of sight.
    pub fn permanent_mac(&self) -> Option<MacAddress> {
        let mac = self.interface.as_ref().map(|nic| nic.permanent_mac);
        mac.filter(|mac| *mac != MacAddress::ZERO)
    }
}

/// The netdev of a PF.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct PfInterface {
    /// `ifindex` in our network namespace.
    pub index: u32,
    /// The name now. udev may still change it: see `name_is_final`.
    pub name: InterfaceName,
    /// Other names of the interface (`ip link property`), longer than 15 characters where need be.
    #[serde(default)]
    pub altnames: BTreeSet<String>,
    /// Names and altnames of the function's other ports, where it has several.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub other_ports: BTreeSet<String>,
    /// False until udev's rules ran: the interface may still get another name.
    pub name_is_final: bool,
    /// `IFLA_PERM_ADDRESS`: what the hardware came with; zero where the driver tells none, as of a NIC
    /// that makes one up.
    pub permanent_mac: MacAddress,
    /// `IFLA_ADDRESS`: the present one, which is the bond's on each port of a bond.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<MacAddress>,
    /// In bytes.
    pub mtu: Mtu,
    /// `IFF_UP`: set up by an administrator.
    pub up: bool,
    /// `IFLA_CARRIER`: the link has a peer.
    pub carrier: bool,
    /// Mbit/s, where the link has a speed.
    pub speed: Option<u32>,
    /// Ethernet or InfiniBand.
    pub link_type: LinkType,
    /// Whether rules of tc are given to the hardware (`hw-tc-offload`); `None` where the driver lets nobody choose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tc_offload: Option<bool>,
    /// The bond or team of which it is a port, and which gives its ports its own MTU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bond: Option<InterfaceName>,
}

impl PfInterface {
    /// By which the function goes besides the interface's own name.
    pub fn other_names(&self) -> impl Iterator<Item = &String> {
        self.altnames.iter().chain(&self.other_ports)
    }

    /// By which people know it: the permanent address, else the present one.
    pub fn known_mac(&self) -> MacAddress {
        let permanent = Some(self.permanent_mac).filter(|mac| *mac != MacAddress::ZERO);
        permanent.or(self.mac).unwrap_or(MacAddress::ZERO)
    }

    /// Whether `name` is the interface's name, one of its altnames, or a name of another port.
    pub fn goes_by(&self, name: &str) -> bool {
        self.name.as_str() == name || self.other_names().any(|other| other == name)
    }
}

/// A VF as the PCI bus, its driver and its PF tell it.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct VfSnapshot {
    /// The PCI address of the VF.
    pub address: PciAddress,
    /// The PCI vendor id. VFs have none in their config space: the kernel takes the PF's.
    pub vendor: PciId,
    /// The PCI device id of the VF (`sriov_vf_device`).
    pub device: PciId,
    /// The driver that is bound to the VF.
    pub driver: Option<DriverName>,
    /// The only driver that may be bound to it (`driver_override` in sysfs).
    #[serde(default)]
    pub driver_override: Option<DriverName>,
    /// The number of its IOMMU group, which is its VFIO group in `/dev/vfio/`.
    #[serde(default)]
    pub iommu_group: Option<u32>,
    /// The group is one of VFIO's no-IOMMU mode (`enable_unsafe_noiommu_mode`).
    #[serde(default, skip_serializing_if = "is_false")]
    pub no_iommu: bool,
    /// Its RDMA devices for user space, such as `uverbs0`, in `/dev/infiniband`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rdma: Vec<String>,
    /// The netdev, if it is in our network namespace.
    pub interface: Option<VfInterface>,
    /// The driver made a netdev, and it was moved to another network namespace.
    #[serde(default)]
    pub interface_elsewhere: bool,
    /// The netdev that stands for it on the host in switchdev mode, if it is in our network namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub representor: Option<Representor>,
    /// The driver is a bus driver (virtio), and no driver took the device that it found there: there will be
    /// no netdev.
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

    /// Whether the kernel's driver goes by another address than this one.
    pub fn has_missed(&self, mac: MacAddress) -> bool {
        let own = self.interface.as_ref().map(|interface| interface.mac);
        own.is_some_and(|own| own != mac) && self.driver_override.is_none()
    }

    /// Its netdev, here or elsewhere, is gone or was not there yet, and nothing else has taken it.
    pub fn awaits_netdev(&self) -> bool {
        self.driver.is_none() || self.lacks_netdev()
    }

    /// Bound to a driver that makes netdevs, and without one, here or elsewhere.
    pub fn lacks_netdev(&self) -> bool {
        let driver = self.driver.as_ref();
        self.interface.is_none()
            && !self.interface_elsewhere
            && driver.is_some_and(|driver| !driver.is_userspace())
    }
}

/// The netdev of a VF in our network namespace.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct VfInterface {
    /// `ifindex` in our network namespace.
    pub index: u32,
    /// The name now.
    pub name: InterfaceName,
    /// The address that the netdev uses. Another one than in the PF's list until a driver takes that
    /// over.
    pub mac: MacAddress,
    /// In bytes.
    pub mtu: Mtu,
    /// `IFF_UP`: set up by an administrator.
    pub up: bool,
}

/// The netdev that stands for a VF on the host while the eSwitch is in switchdev mode.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Representor {
    /// `ifindex` in our network namespace.
    pub index: u32,
    /// The name now. udev may still change it: see `name_is_final`.
    pub name: InterfaceName,
    /// False until udev's rules ran.
    #[serde(default = "yes")]
    pub name_is_final: bool,
    /// In bytes.
    pub mtu: Mtu,
    /// `IFF_UP`: set up by an administrator.
    pub up: bool,
    /// Whether rules of tc are given to the hardware (`hw-tc-offload`); `None` where the driver lets nobody choose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tc_offload: Option<bool>,
}

fn yes() -> bool {
    true
}

#[expect(clippy::ref_option, reason = "serde asks for it so")]
fn is_unused(users: &Option<BTreeSet<Holder>>) -> bool {
    users.as_ref().is_none_or(BTreeSet::is_empty)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it so")]
fn is_false(it: &bool) -> bool {
    !it
}
