//! What must hold, said without the planner's help.

use super::run::Run;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use sriovd_core::host::HostError;
use sriovd_core::model::EswitchMode::Switchdev;
use sriovd_core::model::*;
use sriovd_core::plan::owned::{OwnedPf, OwnedVf};
use sriovd_core::policy::resolve::{DesiredPf, DesiredVf, Resolution};
use sriovd_core::policy::{DesiredBridge, DeviceType};
use sriovd_core::reconcile::{End, Outcome};
use sriovd_core::report::{Problem, ProblemKind};
use sriovd_sim::Attempt;
use std::collections::{BTreeMap, BTreeSet};

type Checked = Result<(), TestCaseError>;

pub(crate) fn nobody_lost_a_vf(run: &Run) -> Checked {
    prop_assert_eq!(run.agent.host.violations(), []);
    Ok(())
}

/// Nor is a VF given the address of its PF, or of another PF.
pub(crate) fn no_address_was_given_twice(run: &Run) -> Checked {
    prop_assert_eq!(run.agent.host.doubles(), []);
    Ok(())
}

/// Whether a VFIO group is open is looked at only right before its VF would be taken away, as looking opens it. Nothing is done
/// then.
fn only_looks_at_groups(attempt: &Attempt) -> bool {
    let Err(HostError::InUse { by, .. }) = &attempt.result else {
        return false;
    };
    matches!(**by, Holder::VfioGroup { .. })
}

pub(crate) fn another_pass_does_nothing(run: &mut Run) -> Checked {
    run.agent.host.take_attempts();
    let writes = run.agent.ledger.writes();
    run.agent.pass_all();
    let mut attempts = run.agent.host.take_attempts();
    attempts.retain(|attempt| !only_looks_at_groups(attempt));
    prop_assert_eq!(attempts, []);
    prop_assert_eq!(run.agent.ledger.writes(), writes);
    Ok(())
}

/// What a person is told: steps name interfaces by their index, which depends on the rest of the host.
pub(crate) fn told(outcome: Outcome) -> Vec<(ProblemKind, Option<VfIndex>, String)> {
    let End::Seen { problems, .. } = outcome.end else {
        return Vec::new();
    };
    let told = problems.into_iter();
    told.map(|problem| (problem.kind, problem.vf, problem.reason))
        .collect()
}

/// Everything that is not as wanted has a problem of the same VF, or of the whole PF.
pub(crate) fn problems_explain_what_is_missing(
    outcomes: &BTreeMap<PciAddress, Outcome>,
) -> Checked {
    for (address, outcome) in outcomes {
        let End::Seen {
            pf,
            resolution: Resolution::Desired(desired),
            problems,
        } = &outcome.end
        else {
            continue;
        };
        for (vf, missing) in mismatches(pf, desired) {
            let explains = |problem: &&Problem| problem.vf.is_none() || problem.vf == vf;
            prop_assert!(
                problems.iter().any(|problem| explains(&problem)),
                "{address}: {missing} is missing, problems are {problems:?}"
            );
        }
    }
    Ok(())
}

fn mismatches(pf: &PfSnapshot, desired: &DesiredPf) -> Vec<(Option<VfIndex>, String)> {
    let mut missing = Vec::new();
    if let Some(wanted) = desired.num_vfs.filter(|&wanted| wanted != pf.num_vfs) {
        missing.push((None, format!("numvfs {wanted}")));
    }
    if let Some(interface) = &pf.interface {
        if !desired.vfs.is_empty() && !interface.up {
            missing.push((None, "PF up".to_owned()));
        }
        let offload = desired.hw_tc_offload;
        if offload.is_some_and(|on| interface.tc_offload.unwrap_or_default() != on) {
            missing.push((None, "hw-tc-offload".to_owned()));
        }
        if desired.mtu > Some(interface.mtu) {
            missing.push((None, "PF mtu".to_owned()));
        }
    }
    if desired
        .driver_autoprobe
        .is_some_and(|on| on != pf.autoprobe)
    {
        missing.push((None, "autoprobe".to_owned()));
    }
    for (name, wanted) in &desired.devlink {
        let param = pf.params.as_ref().and_then(|params| params.get(name));
        if param.and_then(|param| param.soonest()).map(|(_, is)| is) != Some(wanted) {
            missing.push((None, format!("devlink parameter {name}")));
        }
    }
    let is_switchdev = |mode: Option<EswitchMode>| mode == Some(EswitchMode::Switchdev);
    let is_other = desired.eswitch_mode.is_some() && desired.eswitch_mode != pf.eswitch_mode;
    if is_other && (is_switchdev(desired.eswitch_mode) || is_switchdev(pf.eswitch_mode)) {
        missing.push((None, "eSwitch mode".to_owned()));
    }
    if let (Some(wanted), Some(Switchdev)) = (&desired.bridge, pf.eswitch_mode) {
        missing.extend(bridge_mismatches(pf, desired, wanted).map(|what| (None, what)));
    }
    for (&index, vf) in &pf.vfs {
        let allocated = pf.holders.as_ref().and_then(|holders| holders.get(&index));
        if allocated.is_some_and(|by| by.iter().any(Holder::is_allocation)) {
            continue;
        }
        if let Some(wanted) = desired.vfs.get(&index) {
            let is_ours = is_switchdev(desired.eswitch_mode) && is_switchdev(pf.eswitch_mode);
            let is_so = vf.representor.as_ref().is_some_and(|it| {
                let wanted = wanted.representor;
                let offload = desired.hw_tc_offload;
                (it.up || !wanted.up)
                    && wanted.mtu.is_none_or(|mtu| mtu == it.mtu)
                    && (offload != Some(true) && it.tc_offload.is_none()
                        || offload.is_none_or(|on| it.tc_offload == Some(on)))
            });
            if is_ours && wanted.claim.is_some() && !is_so {
                missing.push((Some(index), "representor".to_owned()));
            }
            if wanted.lacks_mac && pf.interface.is_some() {
                missing.push((Some(index), "a stable address".to_owned()));
            }
            let of_vf = vf_mismatches(pf, vf, wanted, desired.driver_autoprobe);
            missing.extend(of_vf.into_iter().map(|what| (Some(index), what)));
        }
    }
    missing
}

fn bridge_mismatches(
    pf: &PfSnapshot,
    desired: &DesiredPf,
    wanted: &DesiredBridge,
) -> Option<String> {
    let name = wanted.name_on(pf.address).unwrap();
    let seen = pf.open_vswitch.as_ref();
    let there = seen.and_then(|seen| seen.bridges.get(name.as_str()));
    let Some(there) = there.filter(|bridge| bridge.made_for == Some(pf.address)) else {
        return Some(format!("bridge {name}"));
    };
    let uplink = pf.interface.iter().filter(|_| wanted.uplink.is_some());
    let uplink = uplink.map(|nic| &nic.name);
    let members = pf.vfs.iter().filter(|(index, _)| {
        let wanted = desired.vfs.get(index);
        wanted.is_some_and(|vf| vf.in_bridge)
    });
    let members = members.filter_map(|(_, vf)| Some(&vf.representor.as_ref()?.name));
    let mut ports = uplink.chain(members).map(ToString::to_string);
    ports.find(|port| !there.ports.contains_key(port))
}

/// Also where the driver tells none as another value.
fn is_told(pf: &PfSnapshot, vf: &VfSnapshot, wanted: VfSetting) -> bool {
    let told = vf.settings.get(wanted.attribute());
    told.is_some_and(|told| pf.is_same(wanted, told))
}

/// What a driver takes and does not tell cannot be seen.
fn is_missing(pf: &PfSnapshot, vf: &VfSnapshot, wanted: VfSetting) -> bool {
    let is_hidden = pf.facts().name == "qede" && wanted.attribute() == VfAttribute::Trust;
    !is_hidden && !is_told(pf, vf, wanted)
}

fn vf_mismatches(
    pf: &PfSnapshot,
    vf: &VfSnapshot,
    wanted: &DesiredVf,
    autoprobe: Option<bool>,
) -> Vec<String> {
    let mut missing: Vec<String> = wanted
        .settings
        .iter()
        .filter(|setting| is_missing(pf, vf, *setting))
        .map(|setting| setting.to_string())
        .collect();
    if wanted.claim.is_some() && !is_bound_as_wanted(vf, wanted, autoprobe) {
        missing.push(format!("driver {:?}", wanted.device_type));
    }
    if let Some(interface) = &vf.interface {
        // An address reaches it with the next driver, which is somebody else's affair then.
        let is_told = wanted.device_type != DeviceType::Any;
        if is_told && wanted.settings.mac.is_some_and(|mac| mac != interface.mac) {
            missing.push("MAC of the netdev".to_owned());
        }
        if wanted.mtu.is_some_and(|mtu| mtu != interface.mtu) {
            missing.push("MTU of the netdev".to_owned());
        }
    }
    missing
}

pub(crate) fn is_bound_as_wanted(
    vf: &VfSnapshot,
    wanted: &DesiredVf,
    autoprobe: Option<bool>,
) -> bool {
    match (&wanted.device_type, &vf.driver) {
        (DeviceType::Driver(driver), bound) => bound.as_ref() == Some(driver),
        (DeviceType::Any, _) => true,
        (DeviceType::Netdevice, None) => autoprobe == Some(false),
        (DeviceType::Netdevice, Some(bound)) => !bound.is_userspace(),
    }
}

/// Without faults, only users, policies, hardware and cables stand in the way.
pub(crate) fn only_real_obstacles_are_left(
    run: &Run,
    outcomes: &BTreeMap<PciAddress, Outcome>,
) -> Checked {
    for (address, outcome) in outcomes {
        let End::Seen {
            pf,
            resolution,
            problems,
        } = &outcome.end
        else {
            return Err(TestCaseError::fail(format!("{address}: {:?}", outcome.end)));
        };
        for problem in problems {
            let real = match problem.kind {
                ProblemKind::Failed => {
                    is_beyond_the_hardware(problem) || is_of_a_dead_vf(run, *address, problem)
                }
                ProblemKind::Hung | ProblemKind::ShortVfList => false,
                _ => true,
            };
            prop_assert!(real, "{address}: {problem:?}");
        }
        if matches!(resolution, Resolution::Unmatched) && problems.is_empty() {
            let owned = run.agent.ledger.memory().pfs.get(address).cloned();
            let owned = owned.filter(|owned| !waits_for_drivers(owned, pf));
            prop_assert_eq!(owned, None, "{} is reset and still owned", address);
        }
    }
    Ok(())
}

/// Nothing is told of a step of which the subject is as it was to become, nor that a driver failed
/// which another part of the system has still to load.
pub(crate) fn what_is_told_is_so(end: &End) {
    let End::Seen { pf, problems, .. } = end else {
        return;
    };
    for problem in problems {
        if let Some(step) = &problem.step {
            assert!(differs(step, pf), "{problem:?}, and it is as wanted");
        }
        let failed_to_come =
            problem.kind == ProblemKind::Failed && problem.reason.contains("has no driver yet");
        assert!(!failed_to_come, "{problem:?}, and it is coming");
    }
}

fn differs(step: &Step, pf: &PfSnapshot) -> bool {
    let interface = pf.interface.as_ref();
    let vf = step.vf().and_then(|vf| pf.vfs.get(&vf));
    match step {
        Step::Pf(PfStep::SetAutoprobe { on }) => *on != pf.autoprobe,
        Step::Pf(PfStep::SetNumVfs { from, to }) => *from == pf.num_vfs && *to != pf.num_vfs,
        Step::Pf(PfStep::SetEswitchMode { to, .. }) => pf.eswitch_mode != Some(*to),
        Step::Pf(PfStep::SetDevlinkParam { name, mode, to, .. }) => {
            let params = pf.params.as_ref();
            let param = params.and_then(|params| params.get(name));
            param.is_none_or(|param| param.values.get(mode) != Some(to))
        }
        Step::Pf(PfStep::ReloadDevlink) => true,
        Step::Pf(PfStep::SetTcOffload { on, .. }) => {
            interface.is_some_and(|nic| nic.tc_offload != Some(*on))
        }
        Step::Pf(PfStep::SetBridge(change)) => {
            let seen = pf.open_vswitch.as_ref().unwrap();
            let there = seen.bridges.get(change.name.as_str());
            seen.silent.is_some() || change.make == there.is_none()
        }
        Step::Pf(PfStep::RemoveBridge { name }) => {
            let seen = pf.open_vswitch.as_ref().unwrap();
            seen.silent.is_some() || seen.bridges.contains_key(name.as_str())
        }
        Step::Pf(PfStep::SetUp { .. }) => interface.is_some_and(|nic| !nic.up),
        Step::Pf(PfStep::SetDown { .. }) => interface.is_some_and(|nic| nic.up),
        Step::Pf(PfStep::SetMtu { mtu, .. }) => interface.is_some_and(|nic| nic.mtu != *mtu),
        Step::Vf(_, VfStep::SetAttribute { setting, .. }) => {
            vf.is_some_and(|vf| !is_told(pf, vf, *setting))
        }
        Step::Vf(_, VfStep::Bind { from, .. }) => vf.is_some_and(|vf| vf.driver == *from),
        Step::Vf(_, VfStep::SetRepresentorUp { .. }) => vf
            .and_then(|vf| vf.representor.as_ref())
            .is_some_and(|it| !it.up),
        Step::Vf(_, VfStep::SetRepresentorTcOffload { on, .. }) => {
            let there = vf.and_then(|vf| vf.representor.as_ref());
            there.is_some_and(|it| it.tc_offload != Some(*on))
        }
        Step::Vf(_, VfStep::SetRepresentorMtu { mtu, .. }) => {
            let there = vf.and_then(|vf| vf.representor.as_ref());
            there.is_some_and(|it| it.mtu != *mtu)
        }
        Step::Vf(_, VfStep::SetMtu { mtu, .. }) => vf
            .and_then(|vf| vf.interface.as_ref())
            .is_some_and(|nic| nic.mtu != *mtu),
    }
}

fn is_beyond_the_hardware(problem: &Problem) -> bool {
    matches!(
        problem.step,
        Some(
            Step::Pf(PfStep::SetMtu { .. } | PfStep::SetDevlinkParam { .. })
                | Step::Vf(_, VfStep::SetMtu { .. } | VfStep::SetRepresentorMtu { .. })
                | Step::Vf(
                    _,
                    VfStep::SetAttribute {
                        setting: VfSetting::TxRate(_),
                        ..
                    }
                )
        )
    )
}

/// Of VFs without a driver it shows only when they have one again whether they still go by our address.
fn waits_for_drivers(owned: &OwnedPf, pf: &PfSnapshot) -> bool {
    let of_the_pf = owned.created_vfs
        || owned.mtu_before.is_some()
        || owned.autoprobe_before.is_some()
        || owned.eswitch_before.is_some()
        || owned.tc_offload_before.is_some()
        || !owned.params_before.is_empty()
        || owned.reload_due
        || owned.up_before;
    let unbound = |vf: &VfIndex| pf.vfs.get(vf).is_some_and(|vf| vf.driver.is_none());
    let is_only_address =
        |own: &OwnedVf| own.settings.keys().eq([&VfAttribute::Mac]) && !own.driver && !own.mtu;
    let mut vfs = owned.vfs.iter();
    !of_the_pf && vfs.all(|(vf, own)| unbound(vf) && is_only_address(own))
}

fn is_of_a_dead_vf(run: &Run, pf: PciAddress, problem: &Problem) -> bool {
    let mut dead = BTreeSet::new();
    let mut mute = BTreeSet::new();
    run.agent.host.edit(pf, |pf| {
        dead.clone_from(&pf.dead_vfs);
        mute = pf.mute_vfs.keys().copied().collect();
    });
    match problem.vf {
        Some(vf) if problem.step.is_none() => mute.contains(&vf),
        Some(vf) => {
            dead.contains(&vf) && matches!(problem.step, Some(Step::Vf(_, VfStep::Bind { .. })))
        }
        None => !dead.is_empty() && problem.reason.starts_with("no driver made"),
    }
}

/// A PF without what depends on the rest of the host: interface indexes and random MACs.
pub(crate) fn essence(mut pf: PfSnapshot) -> PfSnapshot {
    let random = |mac: MacAddress| mac.0[..2] == [0x02, 0xff];
    if let Some(interface) = &mut pf.interface {
        interface.index = 0;
    }
    for vf in pf.vfs.values_mut() {
        // Nobody gave it one; some drivers tell what the VF made up then.
        let given = |mac: &MacAddress| !random(*mac) && *mac != MacAddress::ZERO;
        vf.settings.mac = vf.settings.mac.filter(given);
        if let Some(representor) = &mut vf.representor {
            representor.index = 0;
        }
        if let Some(interface) = &mut vf.interface {
            interface.index = 0;
            if random(interface.mac) {
                interface.mac = MacAddress::ZERO;
            }
        }
    }
    pf
}

pub(crate) fn stronger_got_the_same(alone: &DesiredPf, together: &DesiredPf) -> Checked {
    prop_assert!(together.policies.starts_with(&alone.policies));
    prop_assert!(together.num_vfs >= alone.num_vfs);
    prop_assert!(together.mtu >= alone.mtu);
    for (vf, wanted) in alone.vfs.iter().filter(|(_, vf)| vf.claim.is_some()) {
        prop_assert_eq!(together.vfs.get(vf), Some(wanted));
    }
    Ok(())
}
