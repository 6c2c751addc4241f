//! A resource as it is on this host: what was asked for, and the NICs and VFs that it has. Pure.
#![deny(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros
)]

use super::proto::{Resource, ResourceConfig, ResourceSpec, ResourceStatus, VfResourceStatus};
use super::refusal::Refusal;
use sriovd_core::model::world::{World, WorldDevice, WorldPf, WorldVf};
use sriovd_core::model::{PciAddress, PfState, Problem, ProblemKind, ResourceName};
use std::collections::BTreeMap;
use tonic::Code;

/// The refusals that a pass ends in, by PF.
pub(super) type Refusals = BTreeMap<PciAddress, Vec<Problem>>;

pub(super) fn resource(config: &ResourceConfig, world: &World) -> Resource {
    let pfs = world.pfs().values().map(AsRef::as_ref);
    let mine: Vec<_> = pfs.filter(|pf| holds(config, pf)).collect();
    Resource {
        spec: Some(ResourceSpec {
            name: config.name.clone(),
            mtu: config.mtu,
            num_vfs: config.num_vfs,
            need_vhost_net: config.need_vhost_net,
            devices: mine.iter().map(|pf| pf.address.to_string()).collect(),
            device_type: config.device_type.clone(),
        }),
        status: mine.into_iter().filter_map(status).collect(),
    }
}

/// Whether its policy is in force on a PF that was seen.
fn holds(config: &ResourceConfig, pf: &WorldPf) -> bool {
    let mut policies = pf.policies.iter();
    pf.device.is_some() && policies.any(|policy| policy.as_str() == config.name)
}

/// What is refused on the PFs where it is in force.
pub(super) fn refusals(config: &ResourceConfig, world: &World) -> Refusals {
    let mine = world.pfs().values().filter(|pf| holds(config, pf));
    let refused = |problems: &[Problem]| {
        let problems = problems.iter();
        let refused = problems.filter(|problem| problem.kind.state() == PfState::Refused);
        refused.cloned().collect()
    };
    mine.map(|pf| (pf.address, refused(&pf.problems))).collect()
}

/// Whether the host's refusals leave it what it asks for. VFs in use would be waited for, and a PF
/// that another policy had `before` would lose its pool for nothing.
pub(super) fn is_accepted(name: &str, refusals: &Refusals, before: &World) -> Result<(), Refusal> {
    let is_held = |pf| {
        before
            .pfs()
            .get(pf)
            .is_some_and(|pf| !pf.policies.is_empty())
    };
    let is_in_the_way = |pf, kind| match kind {
        ProblemKind::InUse | ProblemKind::DisruptionForbidden => true,
        _ => is_held(pf),
    };
    for (pf, problems) in refusals {
        let mut problems = problems.iter();
        if let Some(problem) = problems.find(|problem| is_in_the_way(pf, problem.kind)) {
            let sentence = problem.sentence();
            let message = format!("resource id={name} is refused on {pf}: {sentence}");
            return Err(Refusal::new(Code::FailedPrecondition, message));
        }
    }
    Ok(())
}

fn status(pf: &WorldPf) -> Option<ResourceStatus> {
    let device = pf.device.as_ref()?;
    Some(ResourceStatus {
        name: text(device.interface.as_ref()),
        mtu: device.mtu.map_or(0, |it| it.get()),
        num_vfs: u32::try_from(pf.vfs.len()).unwrap_or(u32::MAX),
        mac: text(device.mac.as_ref()),
        vendor: device.vendor.to_string(),
        driver: text(device.driver.as_ref()),
        device: pf.address.to_string(),
        vfs: pf.vfs.iter().map(|vf| vf_status(vf, device)).collect(),
    })
}

/// A VF is of its PF's vendor (PCIe, SR-IOV).
fn vf_status(vf: &WorldVf, pf: &WorldDevice) -> VfResourceStatus {
    VfResourceStatus {
        name: text(vf.interface.as_ref()),
        mac: text(vf.mac.as_ref()),
        vendor: pf.vendor.to_string(),
        driver: text(vf.driver.as_ref()),
        device: vf.address.to_string(),
    }
}

fn text(value: Option<&impl ToString>) -> String {
    value.map_or_else(String::new, ToString::to_string)
}

/// How many VFs of a pool can be used; none where no policy forms it.
pub(super) fn ready_vfs(pool: &ResourceName, world: &World) -> usize {
    let vfs = world.pfs().values().flat_map(|pf| &pf.vfs);
    let is_of_pool = |vf: &&WorldVf| {
        let claim = vf.claim.as_ref();
        claim.is_some_and(|claim| claim.pool.as_ref() == Some(pool))
    };
    vfs.filter(is_of_pool).filter(|vf| vf.is_ready()).count()
}
