//! What is wanted of a PF and its VFs.

use super::lapsed::Lapsed;
use crate::model::{
    EswitchMode, Mtu, ParamValue, PciAddress, PolicyName, ResourceName, ResourcePrefix, VfIndex,
    VfRange, VfSettings,
};
use crate::policy::{DesiredBridge, DesiredRepresentor, DeviceType, Disruption, OnRemoval, Origin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the policies say of one PF.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// No policy names it.
    Unmatched,
    /// It depends on the interface, which is out of sight or whose name is not final yet.
    AwaitsName,
    /// Policies are in force on it.
    Desired(Box<DesiredPf>),
}

/// What the policies in force want of a PF and its VFs.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct DesiredPf {
    /// Which PF.
    pub address: PciAddress,
    /// The policies in force here, strongest first.
    pub policies: Vec<Claim>,
    /// Policies that name it and have no effect.
    pub shadowed: Vec<Shadowed>,
    /// Policies in force that name the PF only as it was: it is left as it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lapsed: Vec<Lapsed>,
    /// A policy that does not hold the PF may name it when its interface has its name: until then
    /// it is left as it is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub awaits_name: bool,
    /// `None`: the count is left as it is.
    pub num_vfs: Option<u16>,
    /// A policy asks for all VFs of a device that offers none. For the plan alone.
    #[serde(skip)]
    pub max_is_none: bool,
    /// Another program creates the VFs: their number is not changed.
    pub external: bool,
    /// The largest MTU that a policy wants of its VFs, in bytes: the PF needs as much.
    pub mtu: Option<Mtu>,
    /// Of the strongest policy that sets it. `None` leaves it as it is.
    pub driver_autoprobe: Option<bool>,
    /// Of the strongest policy that sets it. `None` leaves it as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eswitch_mode: Option<EswitchMode>,
    /// Parameters of its driver, each of the strongest policy that sets it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub devlink: BTreeMap<String, ParamValue>,
    /// Of the strongest policy that sets it. `None` leaves it as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hw_tc_offload: Option<bool>,
    /// Of the strongest policy that has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bridge: Option<DesiredBridge>,
    /// The most careful wish of the policies in force.
    pub disruption: Disruption,
    /// What happens when no policy names the PF any more.
    pub on_removal: OnRemoval,
    /// Every VF that is wanted to exist, claimed by a policy or not.
    pub vfs: BTreeMap<VfIndex, DesiredVf>,
}

/// A policy in force on a PF, with its share, as the outputs need it.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Claim {
    /// The policy.
    pub policy: PolicyName,
    /// Where it was written.
    #[serde(rename = "source")]
    pub origin: Origin,
    /// The pool that its VFs form.
    pub resource: Option<ResourceName>,
    /// In front of the pool; `None` is `DEFAULT_PREFIX`.
    pub resource_prefix: Option<ResourcePrefix>,
    /// `None` is the whole PF.
    pub vfs: Option<VfRange>,
    /// What its VFs are for.
    pub device_type: DeviceType,
    /// Of its VFs, in bytes. `None` leaves it as it is.
    pub mtu: Option<Mtu>,
    /// The device plugin leaves out VFs without an RDMA device.
    pub is_rdma: bool,
    /// A container gets the device nodes of vhost-net and tun with its VF.
    pub need_vhost_net: bool,
    /// The device plugin tells no NUMA node of its VFs.
    pub exclude_topology: bool,
}

/// A policy whose claim overlaps a stronger one: it has no effect on this PF.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Shadowed {
    /// The policy without effect.
    pub policy: PolicyName,
    /// The stronger one.
    pub by: PolicyName,
}

/// What is wanted of one VF.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct DesiredVf {
    /// Which entry of `DesiredPf::policies` claims it; an unclaimed VF is left with its driver.
    pub claim: Option<usize>,
    /// What it is for; of a VF that no policy claims the default.
    pub device_type: DeviceType,
    /// Else the driver that somebody else gave it, or is just giving it, is left alone.
    #[serde(default)]
    pub names_driver: bool,
    /// In bytes. `None` leaves it as it is.
    pub mtu: Option<Mtu>,
    /// What its representor is, where a policy claims it and the PF is in switchdev mode because a policy says so.
    #[serde(default, skip_serializing_if = "DesiredRepresentor::is_usual")]
    pub representor: DesiredRepresentor,
    /// Its representor is a port of the PF's bridge.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_bridge: bool,
    /// Its attributes, with those of `[[policy.vf]]`. What is not set is left as it is.
    pub settings: VfSettings,
    /// `mac = "stable"`, and the PF has no permanent address to make one from: what the VF has stays.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lacks_mac: bool,
    /// Its address is one that `mac = "stable"` makes. For the plan alone.
    #[serde(skip)]
    pub mac_is_stable: bool,
}

impl Resolution {
    /// Whether something that is still to come decides about it.
    pub fn awaits_name(&self) -> bool {
        match self {
            Self::Unmatched => false,
            Self::AwaitsName => true,
            Self::Desired(desired) => {
                desired.awaits_name || desired.lapsed.iter().any(|lapsed| lapsed.awaits)
            }
        }
    }

    /// Whether policies hold the PF that do not name it as it is.
    pub fn is_kept(&self) -> bool {
        matches!(self, Self::Desired(desired) if desired.is_kept())
    }
}

impl DesiredPf {
    /// Whether the PF is left as it is, because it is not the one that its policies name.
    pub fn is_kept(&self) -> bool {
        self.awaits_name || !self.lapsed.is_empty()
    }

    /// The policy that claims a VF.
    pub fn claim_of(&self, vf: VfIndex) -> Option<&Claim> {
        self.policies.get(self.vfs.get(&vf)?.claim?)
    }

    /// Whether a VF that is bound is never bound again, so that what a driver reads when it is
    /// bound must be there before.
    pub fn binds_only_once(&self, vf: VfIndex) -> bool {
        let wanted = self.vfs.get(&vf);
        self.disruption == Disruption::Never
            || wanted.is_some_and(|wanted| wanted.device_type == DeviceType::Any)
    }
}
