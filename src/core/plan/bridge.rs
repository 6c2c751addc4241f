//! The bridge of Open vSwitch that the PF and its representors are ports of.
//!
//! Bridges and ports of others are neither changed nor removed. What sriovd made says so in the database, and for
//! which PF. The database keeps ports whose interfaces are gone: a port goes only once all representors are known.

use super::owned::OwnedPf;
use super::value::Next;
use super::{Input, Plan};
use crate::model::bridge::{Bridge, BridgeChange, BridgeKeys, OpenVswitch, PortKeys};
use crate::model::{EswitchMode, Holder, InterfaceName, PfSnapshot, PfStep, Step};
use crate::policy::resolve::DesiredPf;
use crate::policy::{DesiredBridge, Disruption};
use crate::report::{Problem, ProblemKind};
use std::collections::{BTreeMap, BTreeSet};

/// Those that are not wanted, or not under this name: before the mode is changed and VFs go.
pub(super) fn plan_removals(input: &Input, desired: &DesiredPf, plan: &mut Plan) -> Next {
    let wanted = wanted_name(input, desired);
    match input.owned.and_then(|owned| owned.bridge.as_ref()) {
        Some(owned) if Some(owned) != wanted.as_ref() => {
            remove_all_but(input, wanted.as_ref(), plan)
        }
        _ => Next::Continue,
    }
}

/// Before everything else.
pub(super) fn undo(input: &Input, owned: &OwnedPf, plan: &mut Plan) -> Next {
    match owned.bridge {
        Some(_) => remove_all_but(input, None, plan),
        None => Next::Continue,
    }
}

fn wanted_name(input: &Input, desired: &DesiredPf) -> Option<InterfaceName> {
    let wanted = desired.bridge.as_ref()?;
    wanted.name_on(input.pf.address)
}

fn remove_all_but(input: &Input, wanted: Option<&InterfaceName>, plan: &mut Plan) -> Next {
    let Some(seen) = &input.pf.open_vswitch else {
        plan.needs_bridges = true;
        return Next::Wait;
    };
    let mut next = Next::Continue;
    if seen.silent.is_some() {
        let owned = input.owned.and_then(|owned| owned.bridge.clone());
        // That it cannot be asked is what comes of the step.
        let steps = owned.map(|name| Step::Pf(PfStep::RemoveBridge { name }));
        plan.steps.extend(steps);
        return Next::Wait;
    }
    for (name, bridge) in seen.made_for(input.pf.address) {
        let Ok(name) = name.parse::<InterfaceName>() else {
            continue;
        };
        if Some(&name) == wanted {
            continue;
        }
        next = Next::Wait;
        match bridge.ports_of_others().next() {
            Some(port) => plan.problems.push(has_others(&name, port, "removing it")),
            None => plan.steps.push(Step::Pf(PfStep::RemoveBridge { name })),
        }
    }
    next
}

fn has_others(bridge: &InterfaceName, port: &str, change: &str) -> Problem {
    Problem {
        kind: ProblemKind::InUse,
        vf: None,
        step: None,
        reason: format!(
            "bridge {bridge} has port {port}, which another program made: {change} would cut its traffic"
        ),
        hint: Some(format!("`ovs-vsctl del-port {bridge} {port}` takes it out")),
    }
}

/// Whether nobody has the PF's interface in a way that a change would disturb, but for a bridge that was made for the PF; if
/// somebody has, the plan says so, with the change and what helps.
pub(super) fn uplink_is_free(
    input: &Input,
    disruption: Disruption,
    in_the_way: fn(&Holder) -> bool,
    (change, hint): (&str, String),
    plan: &mut Plan,
) -> bool {
    if input.force || disruption == Disruption::Always {
        return true;
    }
    let Some(users) = &input.pf.users else {
        plan.needs_holders = true;
        return false;
    };
    let mut users = users.iter().filter(|user| in_the_way(user)).peekable();
    if users.peek().is_none() {
        return true;
    }
    let Some(is_own) = has_uplink(input, plan) else {
        return false;
    };
    let Some(user) = users.find(|user| !(is_own && makes(user))) else {
        return true;
    };
    plan.problems.push(Problem {
        kind: ProblemKind::InUse,
        vf: None,
        step: None,
        reason: format!("{change}, and the PF is in use by {user}"),
        hint: Some(hint),
    });
    false
}

/// Whether the PF is a port of a bridge that is wanted and was made for it; `None`: that is to be looked at.
fn has_uplink(input: &Input, plan: &mut Plan) -> Option<bool> {
    if input.owned.is_none_or(|owned| owned.bridge.is_none()) {
        return Some(false);
    }
    let Some(seen) = &input.pf.open_vswitch else {
        plan.needs_bridges = true;
        return None;
    };
    let name = input.pf.interface.as_ref().map(|nic| nic.name.as_str());
    let bridge = name.and_then(|name| seen.bridge_of(name));
    Some(bridge.is_some_and(|(_, bridge)| bridge.made_for == Some(input.pf.address)))
}

/// Whether it is what Open vSwitch itself does with a port.
pub(super) fn makes(user: &Holder) -> bool {
    match user {
        Holder::Enslaved { to } => to.as_str() == "ovs-system",
        Holder::TrafficControl { discipline } => ["ingress", "clsact"].contains(&&**discipline),
        _ => false,
    }
}

/// In switchdev mode, which an earlier stage sees to.
pub(super) fn plan_bridge(input: &Input, desired: &DesiredPf, plan: &mut Plan) {
    let pf = input.pf;
    let switched = pf.eswitch_mode == Some(EswitchMode::Switchdev);
    let Some(wanted) = desired.bridge.as_ref().filter(|_| switched) else {
        return;
    };
    let Some(name) = wanted.name_on(pf.address) else {
        return;
    };
    let Some(seen) = &pf.open_vswitch else {
        plan.needs_bridges = true;
        return;
    };
    let there = seen.bridges.get(name.as_str());
    if let Some(bridge) = there.filter(|bridge| bridge.made_for != Some(pf.address)) {
        plan.problems.push(of_others(&name, bridge));
        return;
    }
    let mut change = BridgeChange::of(name);
    change.make = there.is_none();
    change.keys = (there.map(|bridge| &bridge.keys))
        .unwrap_or(&BridgeKeys::default())
        .lacking(&wanted.keys);
    change.hw_offload = wanted.hw_offload && !seen.hw_offload;
    let moves_datapath = !change.make && change.keys.datapath_type.is_some();
    if moves_datapath
        && !is_overridden(input, desired.disruption)
        && let Some(port) = there.and_then(|bridge| bridge.ports_of_others().next())
    {
        let problem = has_others(&change.name, port, "another datapath_type");
        plan.problems.push(problem);
        change.keys.datapath_type = None;
    }
    let ports = Ports::wanted(input, desired, wanted, plan);
    for (port, keys) in &ports.known {
        plan_port(input, desired, seen, port, keys, &mut change, plan);
    }
    if let Some(bridge) = there.filter(|_| ports.are_all_known) {
        let own = bridge.ports.iter();
        let own = own.filter(|(_, port)| port.made_for == Some(pf.address));
        let stale = own.filter(|(name, _)| !ports.known.keys().any(|it| it.as_str() == *name));
        change.remove = stale.map(|(name, _)| name.clone()).collect();
    }
    if let Some(bridge) = there {
        tell_ports(bridge, &ports, plan);
    }
    if !change.is_empty() {
        plan.steps
            .push(Step::Pf(PfStep::SetBridge(Box::new(change))));
    }
}

fn of_others(name: &InterfaceName, bridge: &Bridge) -> Problem {
    let by = match bridge.made_for {
        Some(pf) => format!("sriovd made it for the PF {pf}"),
        None => "another program made it".to_owned(),
    };
    Problem {
        kind: ProblemKind::InUse,
        vf: None,
        step: None,
        reason: format!("there is a bridge {name}, and {by}: it is left as it is"),
        hint: Some("give the bridge another name, or none, in [policy.bridge]".to_owned()),
    }
}

fn is_overridden(input: &Input, disruption: Disruption) -> bool {
    input.force || disruption == Disruption::Always
}

/// The ports that are wanted.
struct Ports {
    known: BTreeMap<InterfaceName, PortKeys>,
    are_all_known: bool,
}

impl Ports {
    fn wanted(input: &Input, desired: &DesiredPf, wanted: &DesiredBridge, plan: &mut Plan) -> Self {
        let pf = input.pf;
        let mut ports = Self {
            known: BTreeMap::new(),
            are_all_known: true,
        };
        if let Some(keys) = &wanted.uplink {
            match uplink(input, plan) {
                Some(name) => drop(ports.known.insert(name, keys.clone())),
                None => ports.are_all_known = false,
            }
        }
        let members = desired.vfs.iter().filter(|(_, vf)| vf.in_bridge);
        for (index, _) in members {
            let there = pf.vfs.get(index).and_then(|vf| vf.representor.as_ref());
            match there.filter(|there| there.name_is_final) {
                Some(there) => {
                    let keys = PortKeys::default();
                    ports.known.insert(there.name.clone(), keys);
                }
                None => ports.are_all_known = false,
            }
        }
        ports
    }
}

/// The name of the PF's interface, where that can be a port.
fn uplink(input: &Input, plan: &mut Plan) -> Option<InterfaceName> {
    let Some(interface) = &input.pf.interface else {
        super::count::needs_interface(input.pf, "the uplink of the bridge", plan);
        return None;
    };
    if let Some(bond) = &interface.bond {
        plan.problems.push(Problem {
            kind: ProblemKind::InUse,
            vf: None,
            step: None,
            reason: format!("it is a port of {bond} and cannot be the uplink of a bridge too"),
            hint: Some(format!(
                "write uplink = false in [policy.bridge], and make {bond} a port of the bridge"
            )),
        });
        return None;
    }
    if !interface.name_is_final {
        let reason = "it becomes a port of its bridge when udev has named it";
        plan.problem(ProblemKind::Awaits, reason);
        return None;
    }
    Some(interface.name.clone())
}

fn plan_port(
    input: &Input,
    desired: &DesiredPf,
    seen: &OpenVswitch,
    port: &InterfaceName,
    keys: &PortKeys,
    change: &mut BridgeChange,
    plan: &mut Plan,
) {
    match seen.bridge_of(port.as_str()) {
        Some((bridge, _)) if *bridge != *change.name.as_str() => {
            plan.problems.push(Problem {
                kind: ProblemKind::InUse,
                vf: None,
                step: None,
                reason: format!("{port} is a port of the bridge {bridge}, which is not its own"),
                hint: Some(format!("`ovs-vsctl del-port {bridge} {port}` takes it out")),
            });
        }
        Some((_, bridge)) => {
            let there = bridge.ports.get(port.as_str());
            let own = there.filter(|there| there.made_for == Some(input.pf.address));
            let lacking = own.map(|own| own.keys.lacking(keys)).unwrap_or_default();
            if lacking != PortKeys::default() {
                change.set.insert(port.clone(), lacking);
            }
        }
        None => {
            if is_free(input, desired, port, plan) {
                change.add.insert(port.clone(), keys.clone());
            }
        }
    }
}

/// What becomes a port of a bridge loses what the host itself does with it. Representors carry nothing before.
fn is_free(input: &Input, desired: &DesiredPf, port: &InterfaceName, plan: &mut Plan) -> bool {
    let is_uplink = is_interface_of(input.pf, port);
    if !is_uplink || is_overridden(input, desired.disruption) {
        return true;
    }
    let Some(users) = &input.pf.users else {
        plan.needs_holders = true;
        return false;
    };
    let loses = |user: &&Holder| {
        matches!(
            user,
            Holder::Address { .. } | Holder::Route { .. } | Holder::Enslaved { .. }
        )
    };
    let Some(user) = users.iter().find(loses) else {
        return true;
    };
    plan.problems.push(Problem {
        kind: ProblemKind::InUse,
        vf: None,
        step: None,
        reason: format!(
            "making {port} a port of a bridge cuts its traffic, and the PF is in use by {user}"
        ),
        hint: Some(format!(
            "move that to the bridge's own interface; `sriovctl apply --force {port}` makes it a port all the same"
        )),
    });
    false
}

fn is_interface_of(pf: &PfSnapshot, name: &InterfaceName) -> bool {
    pf.interface.as_ref().is_some_and(|nic| nic.name == *name)
}

/// What ovs-vswitchd has not taken up, or cannot.
fn tell_ports(bridge: &Bridge, ports: &Ports, plan: &mut Plan) {
    let mut late = BTreeSet::new();
    for name in ports.known.keys() {
        let Some(port) = bridge.ports.get(name.as_str()) else {
            continue;
        };
        if let Some(error) = &port.error {
            let reason = format!("Open vSwitch cannot use its port {name}: {error}");
            plan.problem(ProblemKind::Failed, reason);
        } else if !port.is_up_to_date {
            late.insert(name.as_str());
        }
    }
    if !late.is_empty() {
        let late: Vec<_> = late.into_iter().collect();
        let late = late.join(", ");
        let reason = format!("ovs-vswitchd has not taken up {late} yet");
        plan.problem(ProblemKind::Awaits, reason);
    }
}
