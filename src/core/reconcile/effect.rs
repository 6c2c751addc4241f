//! What came of the steps that the kernel said it did.
#![deny(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros
)]

use super::pass::Round;
use crate::host::{Host, HostError, Look};
use crate::model::{
    Binding, DriverName, Holder, PfSnapshot, PfStep, Step, VfAttribute, VfIndex, VfSetting,
    VfSnapshot, VfStep,
};
use crate::plan::{Plan, Taken};
use crate::policy::resolve::Resolution;
use std::collections::{BTreeMap, BTreeSet};

/// VFs that autoprobe would be switched on for, or that would lose their trust to be bound, and that somebody has by a VFIO
/// group: only opening it tells, and nothing is changed for what cannot be done.
pub(super) fn bound_in_vain(
    host: &dyn Host,
    round: &Round,
    though_in_use: bool,
) -> Vec<(Step, HostError)> {
    let mut in_vain = Vec::new();
    if though_in_use {
        return in_vain;
    }
    let steps = &round.plan.steps;
    let autoprobe = steps.first() == Some(&Step::Pf(PfStep::SetAutoprobe { on: true }));
    let loses_trust = |index: VfIndex| {
        let trust = VfSetting::Trust(false);
        let is_it = |step: &VfStep| matches!(step, VfStep::SetAttribute { setting, .. } if *setting == trust);
        steps
            .iter()
            .any(|step| matches!(step, Step::Vf(vf, step) if *vf == index && is_it(step)))
    };
    for step in steps {
        let Step::Vf(index, VfStep::Bind { .. }) = step else {
            continue;
        };
        if !autoprobe && !loses_trust(*index) {
            continue;
        }
        let has = |vf: &&VfSnapshot| vf.driver.as_ref().is_some_and(DriverName::is_userspace);
        if round.pf.vfs.get(index).filter(has).is_none() {
            continue;
        }
        match host.observe(round.pf.address, Look::WithHoldersOf(*index)) {
            Ok(seen) => {
                let of_all = seen.and_then(|pf| pf.holders);
                let of_vf = of_all.and_then(|mut all| all.remove(index));
                let mut holders = of_vf.into_iter().flatten();
                in_vain.extend(holders.find_map(|by| {
                    let by = matches!(by, Holder::VfioGroup { .. }).then(|| Box::new(by))?;
                    Some((step.clone(), HostError::InUse { vf: *index, by }))
                }));
            }
            Err(error) => in_vain.push((step.clone(), error)),
        }
    }
    in_vain
}

/// What a step that binds a VF was planned from.
pub(super) fn binding(step: &Step, pf: &PfSnapshot) -> Option<Binding> {
    let Step::Vf(vf, VfStep::Bind { .. }) = step else {
        return None;
    };
    let vf = pf.vfs.get(vf)?;
    Some(Binding {
        driver: vf.driver.clone(),
        driver_override: vf.driver_override.clone(),
    })
}

/// A driver reads its VF's address when it is bound. After a refused address a bound driver has
/// nothing to read again, and where none is bound twice the next plan says whether to wait.
pub(super) fn comes_too_early(step: &Step, round: &Round, failed: &[(Step, HostError)]) -> bool {
    let Step::Vf(vf, VfStep::Bind { .. }) = step else {
        return false;
    };
    let is_its_mac = |(failed, _): &(Step, HostError)| match failed {
        Step::Vf(_, VfStep::SetAttribute { setting, .. }) => {
            setting.attribute() == VfAttribute::Mac && failed.vf() == Some(*vf)
        }
        _ => false,
    };
    let snapshot = round.pf.vfs.get(vf);
    let is_bound = snapshot.is_some_and(|vf| vf.driver.is_some());
    let stays_bound = match &round.resolution {
        Resolution::Desired(desired) => desired.binds_only_once(*vf),
        _ => false,
    };
    (is_bound || stays_bound) && failed.iter().any(is_its_mac)
}

/// What was taken by the steps that were done.
pub(super) fn taken_by(
    done: &[Step],
    planned: Taken,
) -> impl Iterator<Item = (VfIndex, BTreeSet<Holder>)> {
    let disrupts = |step: &Step, vf| step.is_disruptive() && step.vf().is_none_or(|it| it == vf);
    planned
        .into_iter()
        .filter(move |(vf, _)| done.iter().any(|step| disrupts(step, *vf)))
}

/// Steps that the kernel said it did, and that are planned again all the same.
pub(super) fn without_effect(
    done: &[Step],
    tries: &BTreeMap<Step, usize>,
    plan: &Plan,
) -> Vec<(Step, HostError)> {
    let tries_of = |step: &Step| tries.get(step).copied().unwrap_or_default();
    let enough = |step: &Step| tries_of(step) >= step.facts().tries;
    let again = plan.steps.iter();
    again
        .filter(|step| done.contains(step) && enough(step))
        .map(|step| {
            let found = "it reads back as before".to_owned();
            (
                step.clone(),
                HostError::NoEffect {
                    what: step.to_string(),
                    found,
                },
            )
        })
        .collect()
}

/// VFs were made, and not as many as were asked for: asking again would destroy those that came.
pub(super) fn other_count(
    done: &[Step],
    failed: &[(Step, HostError)],
    pf: &PfSnapshot,
) -> Option<(Step, HostError)> {
    let in_vain = |(step, error)| matches!(error, &HostError::NoEffect { .. }).then_some(step);
    let in_vain = failed
        .iter()
        .map(|(step, error)| (step, error))
        .filter_map(in_vain);
    let asked = done.iter().chain(in_vain).find_map(|step| match step {
        Step::Pf(PfStep::SetNumVfs { to, .. }) if *to != 0 => Some(*to),
        _ => None,
    })?;
    let made = pf.num_vfs;
    (made != 0 && made != asked && !pf.count_is_changing).then(|| {
        let again = Step::Pf(PfStep::SetNumVfs { from: made, to: 0 });
        let what = format!("making {asked} VFs");
        let found = format!("there are {made}");
        (again, HostError::NoEffect { what, found })
    })
}

/// With who was in the way of a step, of those that a look does not show.
pub(super) fn with_met(mut pf: PfSnapshot, met: &Taken) -> PfSnapshot {
    let holders = pf.holders.get_or_insert_default();
    for (vf, by) in met.iter().filter(|(vf, _)| pf.vfs.contains_key(vf)) {
        holders.entry(*vf).or_default().extend(by.iter().cloned());
    }
    pf
}
