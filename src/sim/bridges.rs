//! The imagined database of Open vSwitch, and the ovs-vswitchd that follows it at once.

use super::pf::SimPf;
use sriovd_core::host::HostError;
use sriovd_core::model::bridge::{Bridge, BridgePort, OpenVswitch, PortKeys};
use sriovd_core::model::{Action, PciAddress, PfStep, Step};

/// Adds what is known of it by a look at one PF.
pub(super) fn join(known: &mut OpenVswitch, seen: Option<&OpenVswitch>) {
    let Some(seen) = seen else { return };
    known.hw_offload |= seen.hw_offload;
    known.silent = known.silent.take().or(seen.silent.clone());
    for (name, bridge) in &seen.bridges {
        let there = known.bridges.entry(name.clone()).or_default();
        there.made_for = bridge.made_for;
        there.keys.take(&bridge.keys);
        let ports = bridge.ports.clone();
        there.ports.extend(ports);
    }
}

/// What a look finds: a port without an interface is told.
pub(super) fn seen<'a>(known: &OpenVswitch, pfs: impl Iterator<Item = &'a SimPf>) -> OpenVswitch {
    if let Some(why) = &known.silent {
        return OpenVswitch::silent(why.clone());
    }
    let mut names = Vec::new();
    for pf in pfs {
        let own = pf.snapshot.interface.iter().map(|nic| &nic.name);
        let representors = pf
            .snapshot
            .vfs
            .values()
            .filter_map(|vf| vf.representor.as_ref());
        let all = own.chain(representors.map(|there| &there.name));
        names.extend(all.map(ToString::to_string));
    }
    let mut seen = known.clone();
    let bridges = seen.bridges.values_mut();
    for (name, port) in bridges.flat_map(|bridge| bridge.ports.iter_mut()) {
        port.is_up_to_date = true;
        let is_lost = port.made_for.is_some() && !names.contains(name);
        port.error =
            is_lost.then(|| format!("could not open network device {name} (No such device)"));
    }
    seen
}

/// `None`: the step is about something else.
pub(super) fn apply(known: &mut OpenVswitch, action: &Action) -> Option<Result<(), HostError>> {
    let changes = matches!(
        action.step,
        Step::Pf(PfStep::SetBridge(_) | PfStep::RemoveBridge { .. })
    );
    if let Some(why) = known.silent.clone().filter(|_| changes) {
        let what = action.step.to_string();
        return Some(Err(HostError::Silent { what, why }));
    }
    let pf = action.pf;
    match &action.step {
        Step::Pf(PfStep::SetBridge(change)) => {
            let name = change.name.as_str();
            let is_port = |port: &str| known.bridge_of(port).is_some();
            let is_own = |bridge: &Bridge| bridge.made_for == Some(pf);
            let there = known.bridges.get(name);
            let fits = match change.make {
                true => there.is_none(),
                false => there.is_some_and(is_own),
            };
            let own_ports = |bridge: &Bridge| {
                let set = change.set.keys().map(|name| name.as_str());
                let mut changed = set.chain(change.remove.iter().map(String::as_str));
                changed.all(|name| {
                    let port = bridge.ports.get(name);
                    port.is_some_and(|port| port.made_for == Some(pf))
                })
            };
            let added = change.add.keys().any(|port| is_port(port.as_str()));
            if !fits || added || !there.is_none_or(own_ports) {
                return Some(Err(overtaken(name)));
            }
            let bridge = known.bridges.entry(name.to_owned()).or_default();
            bridge.made_for = Some(pf);
            bridge.keys.take(&change.keys);
            for (port, keys) in &change.add {
                bridge.ports.insert(port.to_string(), port_of(pf, keys));
            }
            for (port, keys) in &change.set {
                let port = bridge.ports.get_mut(port.as_str());
                port.into_iter().for_each(|port| port.keys.take(keys));
            }
            bridge.ports.retain(|port, _| !change.remove.contains(port));
            known.hw_offload |= change.hw_offload;
            Some(Ok(()))
        }
        Step::Pf(PfStep::RemoveBridge { name }) => {
            let there = known.bridges.get(name.as_str());
            let fits = there.is_some_and(|bridge| {
                bridge.made_for == Some(pf) && bridge.ports_of_others().next().is_none()
            });
            if !fits {
                return Some(Err(overtaken(name.as_str())));
            }
            known.bridges.remove(name.as_str());
            Some(Ok(()))
        }
        _ => None,
    }
}

fn overtaken(bridge: &str) -> HostError {
    HostError::Overtaken {
        what: format!("bridge {bridge}"),
    }
}

fn port_of(pf: PciAddress, keys: &PortKeys) -> BridgePort {
    BridgePort {
        made_for: Some(pf),
        keys: keys.clone(),
        is_up_to_date: true,
        error: None,
    }
}
