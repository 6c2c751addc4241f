//! A PF or a VF as it is shown.

use crate::attribute::Compared;
use crate::device::Nic;
use crate::place::Place;
use schemars::JsonSchema;
use serde::Serialize;
use sriovd_core::model::{
    EswitchMode, Holder, PciAddress, PciId, PolicyName, ResourceName, VfIndex,
};
use sriovd_core::report::Problem;

#[derive(Debug, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub(crate) enum Shown {
    Pf(Box<ShownPf>),
    Vf(Box<ShownVf>),
}

#[derive(Debug, JsonSchema, Serialize)]
pub(crate) struct ShownPf {
    #[serde(flatten)]
    pub(crate) nic: Nic,
    pub(crate) altnames: Vec<String>,
    pub(crate) permanent_mac: Option<String>,
    pub(crate) mtu: Option<u32>,
    /// `None` where there is none to be seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) eswitch_mode: Option<EswitchMode>,
    /// The mode is not known: asking for it needs CAP_NET_ADMIN.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) eswitch_hidden: bool,
    /// Bridges of Open vSwitch that are its own, or that have it or representors of its VFs as ports.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) bridges: Vec<ShownBridge>,
    /// `None`: no policy says how many.
    pub(crate) wanted_vfs: Option<u16>,
    pub(crate) policies: Vec<InForce>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) vfs: Vec<ShownVf>,
}

/// A bridge of Open vSwitch.
#[derive(Debug, JsonSchema, Serialize)]
pub(crate) struct ShownBridge {
    pub(crate) name: String,
    /// sriovd made it for this PF.
    pub(crate) is_own: bool,
    pub(crate) ports: Vec<ShownPort>,
}

/// A port of a bridge.
#[derive(Debug, JsonSchema, Serialize)]
pub(crate) struct ShownPort {
    pub(crate) name: String,
    /// What Open vSwitch says against it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trouble: Option<String>,
}

/// A policy in force on a PF.
#[derive(Debug, JsonSchema, Serialize)]
pub(crate) struct InForce {
    pub(crate) name: PolicyName,
    #[serde(flatten)]
    pub(crate) place: Place,
    /// `None` is the whole PF.
    pub(crate) vfs: Option<String>,
}

#[derive(Debug, JsonSchema, Serialize)]
pub(crate) struct ShownVf {
    pub(crate) index: VfIndex,
    /// Of the PF.
    pub(crate) pf: PciAddress,
    pub(crate) pf_interface: Option<String>,
    /// `None` where the VF is wanted and not there.
    pub(crate) address: Option<PciAddress>,
    pub(crate) vendor: Option<PciId>,
    pub(crate) device: Option<PciId>,
    pub(crate) interface: Option<String>,
    /// What stands for it on the host in switchdev mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) representor: Option<String>,
    pub(crate) iommu_group: Option<u32>,
    pub(crate) attributes: Vec<Compared>,
    pub(crate) policy: Option<PolicyName>,
    pub(crate) resource: Option<ResourceName>,
    /// Networks whose configuration names it.
    pub(crate) networks: Vec<String>,
    /// `None` where nobody could look.
    pub(crate) holders: Option<Vec<Holder>>,
    pub(crate) problems: Vec<Problem>,
}
