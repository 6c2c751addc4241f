//! A resource as it is on this host: what was asked for, and the NICs and VFs that it has. Pure.
#![deny(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros
)]

use super::proto::{Resource, ResourceConfig, ResourceSpec, ResourceStatus, VfResourceStatus};
use super::refusal::Refusal;
use crate::api::{Refusals, View};
use sriovd_core::model::{DriverName, PciAddress, PfSnapshot, ResourceName, VfSnapshot};
use sriovd_core::report::{PfState, Problem, ProblemKind, Seen};
use std::collections::BTreeMap;
use std::sync::Arc;
use tonic::Code;

/// What was seen of the PFs that are here.
pub(super) type Pfs = BTreeMap<PciAddress, Arc<Seen>>;

pub(super) fn pfs_of(view: &View) -> Pfs {
    let seen = view.seen();
    seen.map(|(address, seen)| (address, Arc::clone(seen)))
        .collect()
}

pub(super) fn resource(config: &ResourceConfig, pfs: &Pfs) -> Resource {
    let mine: Vec<_> = pfs.values().filter_map(|pf| of(config, pf)).collect();
    Resource {
        spec: Some(ResourceSpec {
            name: config.name.clone(),
            mtu: config.mtu,
            num_vfs: config.num_vfs,
            need_vhost_net: config.need_vhost_net,
            devices: mine.iter().map(|pf| pf.address.to_string()).collect(),
            device_type: config.device_type.clone(),
        }),
        status: mine.into_iter().map(status).collect(),
    }
}

/// A PF on which its policy is in force.
fn of<'p>(config: &ResourceConfig, seen: &'p Seen) -> Option<&'p PfSnapshot> {
    let mut claims = seen.desired()?.policies.iter();
    let holds = claims.any(|claim| claim.policy.as_str() == config.name);
    holds.then_some(&seen.pf)
}

/// What is refused on the PFs where it is in force.
pub(super) fn refusals(config: &ResourceConfig, pfs: &Pfs) -> Refusals {
    let mine = pfs.iter().filter(|(_, seen)| of(config, seen).is_some());
    let refused = |problems: &[Problem]| {
        let problems = problems.iter();
        let refused = problems.filter(|problem| problem.kind.state() == PfState::Refused);
        refused.cloned().collect()
    };
    mine.map(|(&pf, seen)| (pf, refused(&seen.problems)))
        .collect()
}

/// Whether the host's refusals leave it what it asks for. VFs in use would be waited for, and a PF
/// that another policy had `before` would lose its pool for nothing.
pub(super) fn is_accepted(name: &str, refusals: &Refusals, before: &Pfs) -> Result<(), Refusal> {
    let is_held = |pf| before.get(pf).is_some_and(|seen| seen.desired().is_some());
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

fn status(pf: &PfSnapshot) -> ResourceStatus {
    let interface = pf.interface.as_ref();
    let text = |text: Option<String>| text.unwrap_or_default();
    ResourceStatus {
        name: text(interface.map(|it| it.name.to_string())),
        mtu: interface.map_or(0, |it| it.mtu.get()),
        num_vfs: u32::from(pf.num_vfs),
        mac: text(interface.map(|it| it.known_mac().to_string())),
        vendor: pf.vendor.to_string(),
        driver: driver(pf.driver.as_ref()),
        device: pf.address.to_string(),
        vfs: pf.vfs.values().map(vf_status).collect(),
    }
}

fn vf_status(vf: &VfSnapshot) -> VfResourceStatus {
    let interface = vf.interface.as_ref();
    let text = |text: Option<String>| text.unwrap_or_default();
    VfResourceStatus {
        name: text(interface.map(|it| it.name.to_string())),
        mac: text(interface.map(|it| it.mac.to_string())),
        vendor: vf.vendor.to_string(),
        driver: driver(vf.driver.as_ref()),
        device: vf.address.to_string(),
    }
}

fn driver(driver: Option<&DriverName>) -> String {
    driver.map_or_else(String::new, ToString::to_string)
}

/// How many VFs of a pool can be used; none where no policy forms it.
pub(super) fn ready_vfs(pool: &ResourceName, pfs: &Pfs) -> usize {
    let ready_on = |seen: &Arc<Seen>| {
        let Some(desired) = seen.desired() else {
            return 0;
        };
        let mut ready = 0;
        for (index, wanted) in &desired.vfs {
            let claim = desired.claim_of(*index);
            let of_pool = claim.is_some_and(|claim| claim.resource.as_ref() == Some(pool));
            let vf = seen.pf.vfs.get(index);
            ready += usize::from(of_pool && vf.is_some_and(|vf| wanted.is_ready(vf)));
        }
        ready
    };
    pfs.values().map(ready_on).sum()
}
