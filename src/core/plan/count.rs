//! The PF as a whole: MTU, number of VFs, link up, autoprobe.

use super::value::Next;
use super::{Input, Plan, in_use};
use crate::model::{BindTarget, Mtu, PfInterface, PfSnapshot, PfStep, Step, VfStep};
use crate::policy::DeviceType;
use crate::policy::resolve::DesiredPf;
use crate::report::{Problem, ProblemKind};
use std::fmt::Display;

/// While the driver still probes, how the PF is to be known and reached
/// comes with its interface; VFs can be made where there is none, and never will be.
pub(super) fn await_interface(input: &Input, plan: &mut Plan) -> Next {
    let pf = input.pf;
    if pf.interface_elsewhere {
        let reason = "its network interface is in another network namespace";
        plan.problem(ProblemKind::Awaits, reason);
        return Next::Wait;
    }
    if pf.awaits_interface() && !input.interface_is_overdue {
        let reason = "its driver has not made its network interface yet";
        plan.problem(ProblemKind::Awaits, reason);
        return Next::Wait;
    }
    Next::Continue
}

/// Told of the PF: its driver makes no interface, or has had its time to make one.
pub(super) fn needs_interface(pf: &PfSnapshot, what: impl Display, plan: &mut Plan) {
    let driver = pf.driver.as_ref().map_or("its driver", |it| it.as_str());
    let reason =
        format!("{what} is set through the PF's network interface, and {driver} has made none");
    plan.problem(ProblemKind::Unsupported, reason);
}

/// Raised for the VFs' sake, never lowered below what was there before us. A bond's is its ports'.
pub(super) fn plan_mtu(input: &Input, desired: &DesiredPf, plan: &mut Plan) {
    let Some(interface) = &input.pf.interface else {
        if desired.mtu.is_some() {
            needs_interface(input.pf, "the mtu of the PF", plan);
        }
        return;
    };
    let before = input.owned.and_then(|owned| owned.mtu_before);
    let wanted = match (desired.mtu, before) {
        (Some(wanted), None) => wanted.max(interface.mtu),
        (Some(wanted), Some(before)) => wanted.max(before),
        (None, Some(before)) => before,
        (None, None) => interface.mtu,
    };
    set_mtu(plan, interface, wanted);
    if let Some(bond) = &interface.bond
        && desired.mtu > Some(interface.mtu)
    {
        plan.problems.push(Problem {
            kind: ProblemKind::PortOfBond,
            vf: None,
            step: None,
            reason: format!(
                "its MTU is {}, as {bond} gives it to its ports, and {wanted} is wanted",
                interface.mtu
            ),
            hint: Some(format!(
                "to give it to all ports: `ip link set {bond} mtu {wanted}`"
            )),
        });
    }
}

/// On some drivers (igb) a new MTU takes the link down for a moment, and rates are refused without one.
pub(super) fn await_link(input: &Input, plan: &mut Plan) -> Next {
    let restarts = |step: &Step| {
        matches!(step, Step::Pf(PfStep::SetMtu { .. })) && !input.blocked.stands(step, input.pf)
    };
    match plan.steps.iter().any(restarts) {
        true => Next::Wait,
        false => Next::Continue,
    }
}

pub(super) fn set_mtu(plan: &mut Plan, interface: &PfInterface, mtu: Mtu) {
    if interface.mtu != mtu && interface.bond.is_none() {
        let interface = interface.index;
        plan.steps.push(Step::Pf(PfStep::SetMtu { interface, mtu }));
    }
}

/// Where VFs come or go first, single ones are for the next plan.
pub(super) fn plan_count(input: &Input, desired: &DesiredPf, plan: &mut Plan) -> Next {
    let pf = input.pf;
    if desired.max_is_none && desired.num_vfs == Some(0) {
        too_many(
            plan,
            "all VFs are wanted, and the device offers none".to_owned(),
            0,
        );
        return Next::Continue;
    }
    let Some(wanted) = desired.num_vfs.filter(|&wanted| wanted != pf.num_vfs) else {
        return Next::Continue;
    };
    if wanted > pf.total_vfs {
        let offered = pf.total_vfs;
        let reason = format!("{wanted} VFs are wanted, and the device offers {offered}");
        too_many(plan, reason, offered);
        return Next::Continue;
    }
    let step = Step::Pf(PfStep::SetNumVfs {
        from: pf.num_vfs,
        to: if pf.num_vfs == 0 { wanted } else { 0 },
    });
    if input.blocked.stands(&step, pf) {
        plan.steps.push(step);
        return Next::Continue;
    }
    // While a NIC is being removed, a write may never come back: it holds the PF and waits for
    // pci_rescan_remove_lock, the removal the other way round (sriov_numvfs_store,
    // drivers/pci/iov.c; seen on Linux 6.12).
    if pf.count_is_changing {
        return Next::Continue;
    }
    if pf.num_vfs != 0 {
        // The same VFs are in the way of another mode.
        if plan.is_refused() {
            return Next::Continue;
        }
        let change = format!("changing numvfs {} -> {wanted}", pf.num_vfs);
        if in_use::may_destroy(input, desired.disruption, &change, plan) {
            plan.steps.push(step);
            return Next::Wait;
        }
        return Next::Continue;
    }
    if !pf.facts().makes_vfs_while_down && !bring_up(input, plan) {
        return Next::Wait;
    }
    let probed_at_once =
        !is_configured_before_probe(desired) && wanted_autoprobe(input, desired) != Some(false);
    if pf.autoprobe && !probed_at_once {
        plan.steps
            .push(Step::Pf(PfStep::SetAutoprobe { on: false }));
    }
    plan.steps.push(step);
    Next::Wait
}

fn too_many(plan: &mut Plan, reason: String, offered: u16) {
    // Of a device that offers some the number says enough.
    let hint = (offered == 0).then(|| {
        "SR-IOV is off in the NIC's firmware, or its number of VFs is 0 there: see the firmware's \
         setup or the vendor's tool, such as mlxconfig"
            .to_owned()
    });
    plan.problems.push(Problem {
        kind: ProblemKind::TooManyVfs,
        vf: None,
        step: None,
        reason,
        hint,
    });
}

/// VFs that are to get a driver of our choice or attributes do not meet the default driver first:
/// else it probes them twice, and reads an address that is not theirs yet.
fn is_configured_before_probe(desired: &DesiredPf) -> bool {
    desired.vfs.values().any(|vf| {
        let has_driver = matches!(vf.device_type, DeviceType::Driver(_));
        has_driver || vf.settings.iter().next().is_some()
    })
}

/// Once for the VFs that are there, not for those that cannot be made, and not for ever: an administrator sets a PF down to work on it,
/// or to make it a port of something.
pub(super) fn plan_up(input: &Input, desired: &DesiredPf, plan: &mut Plan) {
    if desired.vfs.is_empty() || input.pf.num_vfs == 0 {
        return;
    }
    let is_down = (input.pf.interface.as_ref()).is_some_and(|interface| !interface.up);
    if is_down && input.owned.is_some_and(|owned| owned.was_up) {
        plan.problems.push(Problem {
            kind: ProblemKind::PfDown,
            vf: None,
            step: None,
            reason: "it was set down since its VFs were made: they have no link".to_owned(),
            hint: Some(format!(
                "to set it up: `ip link set {} up`",
                input.pf.display_name()
            )),
        });
        return;
    }
    bring_up(input, plan);
}

/// Whether the PF is up, or the plan now makes it so.
pub(super) fn bring_up(input: &Input, plan: &mut Plan) -> bool {
    let Some(interface) = input
        .pf
        .interface
        .as_ref()
        .filter(|interface| !interface.up)
    else {
        return true;
    };
    if !interface.name_is_final {
        // Before Linux 6.2 an interface that is up cannot be renamed: udev comes first.
        plan.problem(
            ProblemKind::Awaits,
            "the interface is brought up when udev has named it",
        );
        return false;
    }
    let step = Step::Pf(PfStep::SetUp {
        interface: interface.index,
    });
    if !plan.steps.contains(&step) {
        plan.steps.push(step);
    }
    true
}

pub(super) fn plan_autoprobe(input: &Input, desired: &DesiredPf, plan: &mut Plan) {
    if let Some(wanted) = wanted_autoprobe(input, desired) {
        set_autoprobe(plan, input.pf.autoprobe, wanted);
    }
}

/// As a policy says, else as it was before us; `None`: as it is.
pub(super) fn wanted_autoprobe(input: &Input, desired: &DesiredPf) -> Option<bool> {
    let before = || input.owned.and_then(|owned| owned.autoprobe_before);
    desired.driver_autoprobe.or_else(before)
}

pub(super) fn set_autoprobe(plan: &mut Plan, is: bool, on: bool) {
    if is != on {
        plan.steps.push(Step::Pf(PfStep::SetAutoprobe { on }));
    }
}

/// While autoprobe is off, `drivers_probe` of a VF does nothing unless an override names the driver
/// (pci_device_can_probe, drivers/pci/pci-driver.c): on for as long as it takes.
pub(super) fn let_default_driver_probe(input: &Input, plan: &mut Plan) {
    let to_default = |step: &Step| {
        matches!(
            step,
            Step::Vf(
                _,
                VfStep::Bind {
                    to: BindTarget::Default,
                    ..
                }
            )
        )
    };
    if !plan.steps.iter().any(to_default) {
        return;
    }
    plan.steps
        .retain(|step| !matches!(step, Step::Pf(PfStep::SetAutoprobe { .. })));
    if input.pf.autoprobe {
        return;
    }
    let on = Step::Pf(PfStep::SetAutoprobe { on: true });
    match input.blocked.problem(&on, input.pf) {
        // Unbinding would be all that comes of it.
        Some(problem) => {
            plan.steps.retain(|step| !to_default(step));
            plan.problems.push(problem);
        }
        None => plan.steps.insert(0, on),
    }
}
