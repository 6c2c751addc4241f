//! What administrators want: policies for PFs and their VFs, and networks on top of the pools.
//!
//! Types only, valid by construction. `file` reads them from TOML, `load` from directories,
//! `resolve` says which PF gets what.
#![warn(missing_docs)]
#![deny(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros
)]

pub mod advice;
pub mod check;
pub mod diagnostic;
pub mod draft;
pub mod file;
mod file_state;
pub mod foreign;
pub mod glob;
pub mod libcni;
pub mod loaded;
pub mod network;
pub mod origin;
mod places;
pub mod reader;
pub mod resolve;
pub mod source;
pub mod stable_mac;

use crate::model::bridge::{BridgeKeys, PortKeys};
use crate::model::{
    DriverName, EswitchMode, InterfaceName, LinkType, MacAddress, Mtu, ParamValue, PciAddress,
    PciId, PolicyName, ResourceName, ResourcePrefix, SourceName, VfIndex, VfRange, VfSettings,
};
pub use network::Network;
pub use origin::Origin;
pub use reader::nearest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The device plugin's own default. Written out, because a policy that names it and one that names
/// none would otherwise make the same resource twice, on which the plugin exits.
pub const DEFAULT_PREFIX: &str = "intel.com";

/// Whether a pool can be a class of the Container Device Interface, which begins with a letter and
/// ends in a letter or digit.
pub fn is_cdi_class(pool: &ResourceName) -> bool {
    let text = pool.as_str();
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
}

/// All policies and networks that are in force, in reading order. Names are unique.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PolicySet {
    /// What PFs and their VFs shall be.
    pub policies: Vec<Policy>,
    /// How containers are attached to the VFs of a pool.
    pub networks: Vec<Network>,
}

/// One `[[policy]]`, judged: its keys do not contradict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Unique among all policies in force.
    pub name: PolicyName,
    /// Where it was written.
    pub origin: Origin,
    /// 0 is the strongest, 99 the weakest and the default.
    pub priority: u8,
    /// `false`: it is read, and names no PF.
    pub enabled: bool,
    /// The nodes on which it holds.
    pub node: NodeMatch,
    /// The PFs that it names.
    pub matches: PfMatch,
    /// The pool that these VFs form.
    pub resource: Option<ResourceName>,
    /// In front of the pool; `None` is `DEFAULT_PREFIX`.
    pub resource_prefix: Option<ResourcePrefix>,
    /// `None` leaves the count to other policies, or as it is.
    pub num_vfs: Option<NumVfs>,
    /// The share of the PF's VFs that this policy claims; `None` claims the whole PF.
    pub vfs: Option<VfRange>,
    /// Of the VFs, in bytes. `None` leaves it as it is.
    pub mtu: Option<Mtu>,
    /// What the VFs are for.
    pub device_type: DeviceType,
    /// The policy says which driver: one that somebody else gives a VF is taken back.
    pub names_driver: bool,
    /// `sriov_drivers_autoprobe` of the PF. `None` leaves it as it is.
    pub driver_autoprobe: Option<bool>,
    /// How the NIC's own switch works. `None` leaves it as it is.
    pub eswitch_mode: Option<EswitchMode>,
    /// Parameters of the PF's driver, by their names.
    pub devlink: BTreeMap<String, ParamValue>,
    /// Whether rules of tc on the PF and on representors are given to the hardware. `None` leaves it as it is.
    pub hw_tc_offload: Option<bool>,
    /// What the representors of its VFs are in switchdev mode.
    pub representor: DesiredRepresentor,
    /// The bridge of Open vSwitch that PF and representors are ports of.
    pub bridge: Option<DesiredBridge>,
    /// Somebody else creates the VFs: never change their number. `None` is "not set".
    pub external: Option<bool>,
    /// The device plugin leaves out VFs without an RDMA device.
    pub is_rdma: bool,
    /// A container gets the device nodes of vhost-net and tun with its VF.
    pub need_vhost_net: bool,
    /// The device plugin tells no NUMA node of the VFs.
    pub exclude_topology: bool,
    /// What every VF of the policy gets. `settings.mac` is never set here.
    pub settings: VfSettings,
    /// The address of every VF of the policy.
    pub mac: MacChoice,
    /// What single VFs get on top.
    pub overrides: BTreeMap<VfIndex, VfOverride>,
    /// What happens to the PF when no policy names it any more.
    pub on_removal: OnRemoval,
    /// When VFs may be destroyed or rebound.
    pub disruption: Disruption,
}

/// A bridge of Open vSwitch that is to be.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct DesiredBridge {
    /// `None`: it is named after the PF's address.
    pub name: Option<InterfaceName>,
    /// Its columns.
    pub keys: BridgeKeys,
    /// The PF is a port of it, whose interface has these columns.
    pub uplink: Option<PortKeys>,
    /// The representors of the policy's VFs are ports of it.
    pub representors: bool,
    /// Open vSwitch, as a whole, offloads to NICs what they take.
    pub hw_offload: bool,
}

impl DesiredBridge {
    /// Its name for this PF. Without one it is sriov-network-operator's: `br-0000_3b_00.0`.
    pub fn name_on(&self, pf: PciAddress) -> Option<InterfaceName> {
        let address = pf.to_string().replace(':', "_");
        // A domain of more than four digits leaves no room for more.
        let made = || [format!("br-{address}"), address.clone()];
        let made = || made().iter().find_map(|name| name.parse().ok());
        self.name.clone().or_else(made)
    }
}

/// What a representor shall be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct DesiredRepresentor {
    /// In bytes. `None` leaves it as it is.
    pub mtu: Option<Mtu>,
    /// It is set up. Else it is left as it is.
    pub up: bool,
}

impl Default for DesiredRepresentor {
    fn default() -> Self {
        Self {
            mtu: None,
            up: true,
        }
    }
}

impl DesiredRepresentor {
    fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// How many VFs a PF has.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum NumVfs {
    /// This many.
    Count(u16),
    /// As many as the device offers.
    Max,
}

/// What the VFs are for, which says what driver they have.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, JsonSchema, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum DeviceType {
    /// The kernel's default driver.
    #[default]
    Netdevice,
    /// The drivers are not sriovd's affair: a new VF gets the default one, and no VF another.
    Any,
    /// This driver, such as `vfio-pci`.
    Driver(DriverName),
}

/// Which address a VF has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MacChoice {
    /// As the kernel or the driver chooses.
    #[default]
    Kernel,
    /// Locally administered, the same for ever for one PF and VF index.
    Stable,
    /// As given; for single VFs only.
    Fixed(MacAddress),
}

/// What a single VF gets on top of its policy. `None` is as in the policy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VfOverride {
    /// Its address.
    pub mac: Option<MacChoice>,
    /// `settings.mac` is never set here.
    pub settings: VfSettings,
}

/// What happens to a PF when the last policy that named it goes away.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, JsonSchema, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum OnRemoval {
    /// What sriovd did is undone.
    #[default]
    Reset,
    /// Everything stays as it is.
    Keep,
}

/// When VFs may be destroyed or rebound for a change.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, JsonSchema, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Disruption {
    /// Not at all.
    Never,
    /// Only VFs that have no holder that can be seen.
    #[default]
    WhenUnused,
    /// VFs in use too.
    Always,
}

/// Every given key must match; a list means any of; an empty list means the key is not given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PfMatch {
    /// The vendor on the PCI bus.
    pub vendor: Vec<PciId>,
    /// The device on the PCI bus.
    pub device: Vec<PciId>,
    /// The address on the PCI bus.
    pub pci_address: Vec<PciAddress>,
    /// A name or altname of its interface.
    pub pf_name: Vec<PfNamePattern>,
    /// The permanent address of its interface.
    pub mac: Vec<MacAddress>,
    /// The driver that it is bound to.
    pub driver: Vec<DriverName>,
    /// The kind of its interface.
    pub link_type: Vec<LinkType>,
    /// The node that it is attached to, counted from 0.
    pub numa_node: Vec<u16>,
}

/// A shell glob for interface names and altnames; `ens1f0#0-3` also gives the policy's share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PfNamePattern {
    /// Well-formed, without slashes and spaces.
    pub glob: String,
    /// The share that stands behind `#`.
    pub vfs: Option<VfRange>,
}

/// On which nodes a policy holds. Empty holds everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NodeMatch {
    /// Shell globs.
    pub hostname: Vec<String>,
    /// All of them must be labels of the node.
    pub labels: BTreeMap<String, String>,
}

impl PolicySet {
    /// The same, where a source wants these policies and no others.
    #[must_use]
    pub fn with_policies_of(&self, source: &SourceName, wanted: Vec<Policy>) -> Self {
        let mut set = self.clone();
        set.policies.retain(|policy| !policy.origin.is_of(source));
        let its = Origin::Source {
            source: source.clone(),
            origin: None,
        };
        let mut others = set.policies.iter();
        let at = others.position(|policy| policy.origin.standing() > its.standing());
        let at = at.unwrap_or(set.policies.len());
        set.policies.splice(at..at, wanted);
        set
    }

    /// Whether a policy names PFs by their interfaces' names.
    pub fn ask_for_names(&self) -> bool {
        let mut policies = self.policies.iter();
        policies.any(|policy| policy.enabled && !policy.matches.pf_name.is_empty())
    }

    /// The pools that some enabled policy forms.
    pub fn resources(&self) -> BTreeSet<&ResourceName> {
        let enabled = self.policies.iter().filter(|policy| policy.enabled);
        enabled
            .filter_map(|policy| policy.resource.as_ref())
            .collect()
    }
}
