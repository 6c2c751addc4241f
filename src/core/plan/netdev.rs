//! VFs that are bound to the kernel's driver and have no network interface: nobody can use them.

use super::{Input, Plan};
use crate::model::{BindTarget, Step, VfIndex, VfRange, VfSnapshot, VfStep};
use crate::policy::resolve::DesiredPf;
use crate::policy::{DeviceType, Disruption};
use crate::report::{Problem, ProblemKind};
use std::collections::BTreeSet;

/// With the back-off between them 25 seconds: iavf gives up after 20 tries, some seconds later.
const LOOKS: u8 = 8;
/// As long again after it was bound again, for the back-off has grown.
const LOOKS_AGAIN: u8 = 1;

/// VFs whose drivers have made no netdev, over the looks at them. A driver that gives up stays
/// bound and says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Netdevs {
    awaited: BTreeSet<VfIndex>,
    /// How often in vain since they are these.
    looks: u8,
    /// Bound once more for the netdev's sake.
    bound_again: BTreeSet<VfIndex>,
}

impl Netdevs {
    pub(super) fn note(&mut self, missing: &BTreeSet<VfIndex>) {
        if *missing != self.awaited {
            self.looks = 0;
            self.awaited.clone_from(missing);
            self.bound_again.retain(|vf| missing.contains(vf));
        }
    }

    pub(super) fn looked(&mut self) {
        if !self.awaited.is_empty() {
            self.looks = self.looks.saturating_add(1).min(LOOKS);
        }
    }

    pub(super) fn tried(&mut self, step: &Step) {
        if let Step::Vf(vf, VfStep::Bind { .. }) = step
            && self.awaited.contains(vf)
        {
            self.bound_again.insert(*vf);
            self.looks = LOOKS - LOOKS_AGAIN;
        }
    }

    pub(super) fn are_awaited(&self) -> bool {
        !self.awaited.is_empty() && self.looks < LOOKS
    }

    fn is_patient(&self, missing: &BTreeSet<VfIndex>) -> bool {
        self.looks < LOOKS || self.awaited != *missing
    }
}

/// Told of the PF in one sentence: where one VF is too many, dozens are.
pub(super) fn plan_missing(input: &Input, desired: &DesiredPf, plan: &mut Plan) {
    let lacking = |half_bound: bool| {
        let vfs = input.pf.vfs.iter();
        let vfs = vfs.filter(move |(index, vf)| {
            vf.half_bound == half_bound && is_for_the_kernel(desired, index) && vf.lacks_netdev()
        });
        vfs.map(|(&index, _)| index)
    };
    if let Some(vfs) = VfRange::of(lacking(true)) {
        let reason = format!("no driver made a network interface for VF {vfs}; see the kernel log");
        plan.problem(ProblemKind::Failed, reason);
    }
    plan.without_netdev = lacking(false).collect();
    if input.blocked.netdevs.is_patient(&plan.without_netdev) {
        if let Some(vfs) = VfRange::of(plan.without_netdev.iter().copied()) {
            let reason = format!("the network interface of VF {vfs} is not there yet");
            plan.problem(ProblemKind::Awaits, reason);
        }
        return;
    }
    for index in plan.without_netdev.clone() {
        let Some(vf) = input.pf.vfs.get(&index) else {
            continue;
        };
        let bound_again = input.blocked.netdevs.bound_again.contains(&index);
        let may_bind = !bound_again
            && desired.driver_autoprobe != Some(false)
            && (input.force || desired.disruption != Disruption::Never)
            && vf.rdma.is_empty();
        if may_bind && input.pf.holders.is_none() {
            plan.needs_holders = true;
            return;
        }
        let is_held = || {
            let holders = input.pf.holders.iter().flatten();
            holders
                .filter(|(vf, _)| **vf == index)
                .any(|(_, by)| !by.is_empty())
        };
        match may_bind && !is_held() {
            // It gets another driver anyway, or somebody else is at it.
            _ if plan.binds(index) || plan.leaves_to_others(index) => {}
            true => plan.steps.push(Step::Vf(
                index,
                VfStep::Bind {
                    address: vf.address,
                    from: vf.driver.clone(),
                    to: BindTarget::Default,
                },
            )),
            false => plan.problems.push(failed(input, index, vf, bound_again)),
        }
    }
}

fn failed(input: &Input, index: VfIndex, vf: &VfSnapshot, bound_again: bool) -> Problem {
    let driver = vf.driver.as_ref().map_or("", |driver| driver.as_str());
    let also = match bound_again {
        true => ", also when it was bound again",
        false => "",
    };
    let pf = input.pf.address;
    Problem {
        kind: ProblemKind::Failed,
        vf: Some(index),
        step: None,
        reason: format!("its driver {driver} has made no network interface{also}"),
        hint: Some(format!(
            "`journalctl -k` has what the driver says; once no VF is in use, new ones may help: \
             `echo 0 > /sys/bus/pci/devices/{pf}/sriov_numvfs`"
        )),
    }
}

fn is_for_the_kernel(desired: &DesiredPf, index: &VfIndex) -> bool {
    let wanted = desired.vfs.get(index);
    wanted
        .is_some_and(|wanted| wanted.claim.is_some() && wanted.device_type == DeviceType::Netdevice)
}
