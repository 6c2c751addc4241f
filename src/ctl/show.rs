//! `show`: a PF with all its VFs, or one VF, with what differs from the policies.

mod shown;
mod text;

use super::attribute::compare;
use super::device::Nic;
use super::scene::Scene;
use shown::{InForce, ShownBridge, ShownPort};
pub(super) use shown::{Shown, ShownPf, ShownVf};
use sriovd_core::model::{PfSnapshot, VfIndex};
pub(super) use text::text;

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
        bridges: bridges(pf),
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

fn bridges(pf: &PfSnapshot) -> Vec<ShownBridge> {
    let seen = pf.open_vswitch.iter().flat_map(|seen| seen.around(pf));
    let shown = seen.map(|(name, bridge)| ShownBridge {
        name: name.clone(),
        is_own: bridge.made_for == Some(pf.address),
        ports: (bridge.ports.iter())
            .map(|(name, port)| ShownPort {
                name: name.clone(),
                trouble: port.trouble().map(str::to_owned),
            })
            .collect(),
    });
    shown.collect()
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
