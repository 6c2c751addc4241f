//! VFs that are bound to the kernel's driver and have no network interface: nobody can use them.

use super::{Input, Plan};
use crate::model::{BindTarget, Step, VfIndex, VfRange, VfSnapshot, VfStep};
use crate::policy::resolve::DesiredPf;
use crate::policy::{DeviceType, Disruption};
use crate::report::{Problem, ProblemKind};

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
        let bound_again = input.blocked.netdevs.is_bound_again(index);
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
