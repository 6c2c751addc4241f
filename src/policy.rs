//! What administrators want: policies for PFs and their VFs, and networks on top of the pools.
//!
//! Types only, valid by construction. `file` reads them from TOML, `load` from directories,
//! `resolve` says which PF gets what.
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
pub mod glob;
pub mod libcni;
pub mod load;
pub mod network;
pub mod origin;
pub mod reader;
pub mod resolve;
pub mod stable_mac;

use crate::model::{
    DriverName, LinkType, MacAddress, Mtu, PciAddress, PciId, PolicyName, ResourceName,
    ResourcePrefix, VfIndex, VfRange, VfSettings,
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
    pub policies: Vec<Policy>,
    pub networks: Vec<Network>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub name: PolicyName,
    /// Where it was written.
    pub origin: Origin,
    /// 0 is the strongest, 99 the weakest and the default.
    pub priority: u8,
    pub enabled: bool,
    pub node: NodeMatch,
    pub matches: PfMatch,
    /// The pool that these VFs form.
    pub resource: Option<ResourceName>,
    pub resource_prefix: Option<ResourcePrefix>,
    /// `None` leaves the count to other policies, or as it is.
    pub num_vfs: Option<NumVfs>,
    /// The share of the PF's VFs that this policy claims; `None` claims the whole PF.
    pub vfs: Option<VfRange>,
    pub mtu: Option<Mtu>,
    pub device_type: DeviceType,
    /// The policy says which driver: one that somebody else gives a VF is taken back.
    pub names_driver: bool,
    pub driver_autoprobe: Option<bool>,
    /// Somebody else creates the VFs: never change their number. `None` is "not set".
    pub external: Option<bool>,
    pub is_rdma: bool,
    pub need_vhost_net: bool,
    pub exclude_topology: bool,
    /// What every VF of the policy gets. `settings.mac` is never set here.
    pub settings: VfSettings,
    pub mac: MacChoice,
    /// What single VFs get on top.
    pub overrides: BTreeMap<VfIndex, VfOverride>,
    pub on_removal: OnRemoval,
    pub disruption: Disruption,
}

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum NumVfs {
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
    Driver(DriverName),
}

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

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VfOverride {
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
    Never,
    #[default]
    WhenUnused,
    Always,
}

/// Every given key must match; a list means any of; an empty list means the key is not given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PfMatch {
    pub vendor: Vec<PciId>,
    pub device: Vec<PciId>,
    pub pci_address: Vec<PciAddress>,
    pub pf_name: Vec<PfNamePattern>,
    pub mac: Vec<MacAddress>,
    pub driver: Vec<DriverName>,
    pub link_type: Vec<LinkType>,
    pub numa_node: Vec<u16>,
}

/// A shell glob for interface names and altnames; `ens1f0#0-3` also gives the policy's share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PfNamePattern {
    pub glob: String,
    pub vfs: Option<VfRange>,
}

/// On which nodes a policy holds. Empty holds everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NodeMatch {
    /// Shell globs.
    pub hostname: Vec<String>,
    pub labels: BTreeMap<String, String>,
}

impl PolicySet {
    /// The pools that some enabled policy forms.
    pub fn resources(&self) -> BTreeSet<&ResourceName> {
        let enabled = self.policies.iter().filter(|policy| policy.enabled);
        enabled
            .filter_map(|policy| policy.resource.as_ref())
            .collect()
    }
}
