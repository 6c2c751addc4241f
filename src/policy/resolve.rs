//! Which PF gets what: policies that match, strongest first, and what they add up to.

use super::{DeviceType, Disruption, OnRemoval, Source};
use crate::model::{
    Mtu, PciAddress, PolicyName, ResourceName, ResourcePrefix, VfIndex, VfRange, VfSettings,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the policies say of one PF.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Resolution {
    /// No policy names it.
    Unmatched,
    /// It depends on the interface's name, which is not final yet.
    AwaitsName,
    Desired(Box<DesiredPf>),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesiredPf {
    pub address: PciAddress,
    /// The policies in force here, strongest first.
    pub policies: Vec<Claim>,
    pub shadowed: Vec<Shadowed>,
    /// `None`: the count is left as it is.
    pub num_vfs: Option<u16>,
    pub external: bool,
    pub mtu: Option<Mtu>,
    pub driver_autoprobe: Option<bool>,
    /// The most careful wish of the policies in force.
    pub disruption: Disruption,
    pub on_removal: OnRemoval,
    /// Every VF that is wanted to exist, claimed by a policy or not.
    pub vfs: BTreeMap<VfIndex, DesiredVf>,
}

/// A policy in force on a PF, with its share, as the outputs need it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    pub policy: PolicyName,
    pub source: Source,
    pub resource: Option<ResourceName>,
    pub resource_prefix: Option<ResourcePrefix>,
    /// `None` is the whole PF.
    pub vfs: Option<VfRange>,
    pub device_type: DeviceType,
    pub mtu: Option<Mtu>,
    pub is_rdma: bool,
    pub need_vhost_net: bool,
    pub exclude_topology: bool,
}

/// A policy whose claim overlaps a stronger one: it has no effect on this PF.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shadowed {
    pub policy: PolicyName,
    pub by: PolicyName,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesiredVf {
    /// Which entry of `DesiredPf::policies` claims it; an unclaimed VF is left with its driver.
    pub claim: Option<usize>,
    pub device_type: DeviceType,
    pub mtu: Option<Mtu>,
    pub settings: VfSettings,
}

impl DesiredPf {
    pub fn claim_of(&self, vf: VfIndex) -> Option<&Claim> {
        self.policies.get(self.vfs.get(&vf)?.claim?)
    }
}
