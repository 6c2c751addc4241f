//! What we own: which PFs we configured, what we set there, and what was there before.

use crate::model::{DriverName, MacAddress, Mtu, PciAddress, VfAttribute, VfIndex, VfSetting};
use crate::policy::OnRemoval;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that survives a restart and cannot be observed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Memory {
    #[serde(default)]
    pub pfs: BTreeMap<PciAddress, OwnedPf>,
    /// Attributes that a driver answered it does not support, under this kernel.
    #[serde(default)]
    pub unsupported: BTreeMap<DriverName, BTreeSet<Capability>>,
    #[serde(default)]
    pub kernel: String,
    /// Which VF a network was given last.
    #[serde(default)]
    pub assignments: BTreeMap<crate::model::NetworkName, Assignment>,
    /// Files that we wrote, so that we remove no other.
    #[serde(default)]
    pub files: BTreeSet<std::path::PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OwnedPf {
    /// Another NIC in the same slot is another PF.
    pub permanent_mac: Option<MacAddress>,
    pub on_removal: OnRemoval,
    /// We set the VF count.
    pub created_vfs: bool,
    /// The PF's MTU before we raised it.
    pub mtu_before: Option<Mtu>,
    pub autoprobe_before: Option<bool>,
    pub vfs: BTreeMap<VfIndex, OwnedVf>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OwnedVf {
    /// Attributes that we set, with what was there before where the driver told.
    pub settings: BTreeMap<VfAttribute, Option<VfSetting>>,
    /// We gave it a driver of our choice.
    pub driver: bool,
    pub mtu: bool,
}

/// Something that a driver can or cannot do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    Attribute(VfAttribute),
    /// VLANs of the service provider kind, on top of `Attribute(Vlan)`.
    Vlan8021ad,
}

/// A VF by what stays when its NIC moves to another slot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Assignment {
    pub permanent_mac: Option<MacAddress>,
    pub pf: PciAddress,
    pub vf: VfIndex,
}
