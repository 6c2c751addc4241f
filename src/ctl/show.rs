//! `show`: a PF with all its VFs, or one VF, with what differs from the policies.

mod text;

use super::attribute::{Compared, compare};
use super::device::Nic;
use super::place::Place;
use super::scene::Scene;
use schemars::JsonSchema;
use serde::Serialize;
use sriovd_core::model::{
    EswitchMode, Holder, PciAddress, PciId, PfSnapshot, PolicyName, ResourceName, VfIndex,
};
use sriovd_core::report::Problem;
pub(super) use text::text;

#[derive(Debug, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub(super) enum Shown {
    Pf(Box<ShownPf>),
    Vf(Box<ShownVf>),
}

#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct ShownPf {
    #[serde(flatten)]
    pub(super) nic: Nic,
    pub(super) altnames: Vec<String>,
    pub(super) permanent_mac: Option<String>,
    pub(super) mtu: Option<u32>,
    /// `None` where there is none to be seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) eswitch_mode: Option<EswitchMode>,
    /// The mode is not known: asking for it needs CAP_NET_ADMIN.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) eswitch_hidden: bool,
    /// `None`: no policy says how many.
    pub(super) wanted_vfs: Option<u16>,
    pub(super) policies: Vec<InForce>,
    pub(super) problems: Vec<Problem>,
    pub(super) vfs: Vec<ShownVf>,
}

/// A policy in force on a PF.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct InForce {
    pub(super) name: PolicyName,
    #[serde(flatten)]
    pub(super) place: Place,
    /// `None` is the whole PF.
    pub(super) vfs: Option<String>,
}

#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct ShownVf {
    pub(super) index: VfIndex,
    /// Of the PF.
    pub(super) pf: PciAddress,
    pub(super) pf_interface: Option<String>,
    /// `None` where the VF is wanted and not there.
    pub(super) address: Option<PciAddress>,
    pub(super) vendor: Option<PciId>,
    pub(super) device: Option<PciId>,
    pub(super) interface: Option<String>,
    /// What stands for it on the host in switchdev mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) representor: Option<String>,
    pub(super) iommu_group: Option<u32>,
    pub(super) attributes: Vec<Compared>,
    pub(super) policy: Option<PolicyName>,
    pub(super) resource: Option<ResourceName>,
    /// Networks whose configuration names it.
    pub(super) networks: Vec<String>,
    /// `None` where nobody could look.
    pub(super) holders: Option<Vec<Holder>>,
    pub(super) problems: Vec<Problem>,
}

pub(super) fn show(scene: &Scene, (pf, vf): (&PfSnapshot, Option<VfIndex>)) -> Shown {
    match vf {
        None => Shown::Pf(Box::new(show_pf(scene, pf))),
        Some(index) => Shown::Vf(Box::new(show_vf(scene, pf, index))),
    }
}

fn show_pf(scene: &Scene, pf: &PfSnapshot) -> ShownPf {
    let interface = pf.interface.as_ref();
    let desired = scene.desired(pf.address);
    let claims = desired.iter().flat_map(|desired| &desired.policies);
    let wanted = desired.iter().flat_map(|desired| desired.vfs.keys());
    let mut indexes: Vec<VfIndex> = pf.vfs.keys().chain(wanted).copied().collect();
    indexes.sort_unstable();
    indexes.dedup();
    let vfs = indexes.into_iter().map(|index| show_vf(scene, pf, index));
    let report = scene.reports.get(&pf.address);
    ShownPf {
        nic: Nic::of(scene, pf),
        altnames: interface.map_or_else(Vec::new, |it| it.altnames.iter().cloned().collect()),
        permanent_mac: pf.permanent_mac().map(|mac| mac.to_string()),
        mtu: interface.map(|it| it.mtu.get()),
        eswitch_mode: pf.eswitch_mode,
        eswitch_hidden: pf.eswitch_hidden,
        wanted_vfs: desired.and_then(|desired| desired.num_vfs),
        policies: claims
            .map(|claim| InForce {
                name: claim.policy.clone(),
                place: (&claim.origin).into(),
                vfs: claim.vfs.as_ref().map(ToString::to_string),
            })
            .collect(),
        problems: report.map_or_else(Vec::new, |report| report.problems.clone()),
        vfs: vfs.collect(),
    }
}

pub(super) fn show_vf(scene: &Scene, pf: &PfSnapshot, index: VfIndex) -> ShownVf {
    let vf = pf.vfs.get(&index);
    let desired = scene.desired(pf.address);
    let wanted = desired.and_then(|desired| desired.vfs.get(&index));
    let claim = desired.and_then(|desired| desired.claim_of(index));
    let holders = pf.holders.as_ref().map(|all| all.get(&index));
    let report = scene.reports.get(&pf.address);
    let problems = report.iter().flat_map(|report| &report.problems);
    let problems = problems.filter(|problem| problem.vf == Some(index));
    ShownVf {
        index,
        pf: pf.address,
        pf_interface: pf.interface.as_ref().map(|it| it.name.to_string()),
        address: vf.map(|vf| vf.address),
        vendor: vf.map(|vf| vf.vendor),
        device: vf.map(|vf| vf.device),
        interface: vf.and_then(|vf| Some(vf.interface.as_ref()?.name.to_string())),
        representor: vf.and_then(|vf| Some(vf.representor.as_ref()?.name.to_string())),
        iommu_group: vf.and_then(|vf| vf.iommu_group),
        attributes: compare(vf, wanted),
        policy: claim.map(|claim| claim.policy.clone()),
        resource: claim.and_then(|claim| claim.resource.clone()),
        networks: scene.networks_of(pf, index),
        holders: holders.map(|it| it.into_iter().flatten().cloned().collect()),
        problems: problems.cloned().collect(),
    }
}
