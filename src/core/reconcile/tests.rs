//! Whole passes over a simulated host.

mod addresses;
mod crash;
mod creation;
mod failure;
mod in_use;
mod lost_memory;
mod params;
mod undo;
mod up;
mod waiting;

use super::*;
use crate::host::{Host, Look};
use crate::model::{
    DriverName, Holder, LinkState, MacAddress, Mtu, Node, PfStep, TxRate, VfAttribute, VfIndex,
    VfSetting, VfSnapshot, VfStep, Vlan,
};
use crate::plan::OwnedPf;
use crate::policy::{DeviceType, Disruption, MacChoice, NumVfs, Policy, PolicySet, VfOverride};
use crate::report::{Problem, ProblemKind};
use crate::sim::{DriverModel, SimAgent, SimHost, SimPf, sample};
use std::time::Duration;

const PF: &str = "0000:01:00.0";
const OTHER: &str = "0000:02:00.0";

fn at(text: &str) -> PciAddress {
    text.parse().unwrap()
}

fn pf() -> PciAddress {
    at(PF)
}

fn policy(name: &str, fill: impl FnOnce(&mut Policy)) -> Policy {
    let mut policy = sample::policy(name.parse().unwrap());
    fill(&mut policy);
    policy
}

/// Four VFs of the kind that a data plane asks for.
fn dataplane(policy: &mut Policy) {
    policy.num_vfs = Some(NumVfs::Count(4));
    policy.mac = MacChoice::Stable;
    policy.settings.trust = Some(true);
    policy.settings.spoof_check = Some(false);
    policy.settings.vlan = Some(vlan(100));
}

fn written_mac(vf: u16) -> MacAddress {
    let [high, low] = vf.to_be_bytes();
    MacAddress([2, 0, 0, 0, high, low])
}

/// One address for one VF.
fn write(policy: &mut Policy, vf: u16, mac: MacAddress) {
    let special: &mut VfOverride = policy.overrides.entry(VfIndex(vf)).or_default();
    special.mac = Some(MacChoice::Fixed(mac));
}

fn readdress(policy: &mut Policy) {
    (0..8).for_each(|vf| write(policy, vf, written_mac(vf)));
}

fn count(count: u16) -> impl FnOnce(&mut Policy) {
    move |policy| policy.num_vfs = Some(NumVfs::Count(count))
}

fn vfio() -> DriverName {
    "vfio-pci".parse().unwrap()
}

fn vlan(id: u16) -> Vlan {
    Vlan { id, ..Vlan::NONE }
}

fn mtu(mtu: u32) -> Mtu {
    mtu.try_into().unwrap()
}

fn agent(model: DriverModel, policies: Vec<Policy>) -> SimAgent {
    let host = SimHost::default();
    host.plug(SimPf::new(pf(), model));
    SimAgent::new(host, set(policies))
}

/// With their VFs.
fn created(policies: Vec<Policy>) -> SimAgent {
    let mut agent = agent(DriverModel::IGB, policies);
    converge(&mut agent);
    agent
}

fn set(policies: Vec<Policy>) -> PolicySet {
    PolicySet {
        policies,
        ..PolicySet::default()
    }
}

fn edit(agent: &mut SimAgent, change: impl FnOnce(&mut Policy)) {
    change(&mut agent.policies.policies[0]);
}

fn done(outcome: &Outcome) -> Vec<String> {
    let steps = outcome.performed.iter();
    steps.map(|performed| performed.step.to_string()).collect()
}

fn problems(outcome: &Outcome) -> &[Problem] {
    match &outcome.end {
        End::Seen { problems, .. } => problems,
        other => panic!("not seen: {other:?}"),
    }
}

fn kinds(outcome: &Outcome) -> Vec<(ProblemKind, Option<u16>)> {
    let problems = problems(outcome).iter();
    problems
        .map(|problem| (problem.kind, problem.vf.map(|vf| vf.0)))
        .collect()
}

fn seen(agent: &SimAgent) -> PfSnapshot {
    agent.host.pf(pf()).unwrap()
}

fn vf(agent: &SimAgent, index: u16) -> VfSnapshot {
    seen(agent).vfs[&VfIndex(index)].clone()
}

fn drivers(agent: &SimAgent) -> Vec<String> {
    let vfs = seen(agent).vfs.into_values();
    vfs.map(|vf| {
        vf.driver
            .map_or("-".to_owned(), |driver| driver.to_string())
    })
    .collect()
}

fn blue() -> Holder {
    let name = Some("blue".to_owned());
    Holder::Namespace { name }
}

/// Another pass finds nothing to do: it asks the host for nothing and writes nothing down.
#[track_caller]
fn assert_settled(agent: &mut SimAgent) {
    agent.host.take_attempts();
    let writes = agent.ledger.writes();
    let again = agent.pass(pf());
    assert_eq!(done(&again), Vec::<String>::new());
    assert_eq!(agent.host.take_attempts(), []);
    assert_eq!(agent.ledger.writes(), writes, "something was written down");
}

/// A pass leaves no problem, and the next one has nothing to do.
#[track_caller]
fn converge(agent: &mut SimAgent) -> Vec<String> {
    let outcome = agent.pass(pf());
    assert_eq!(problems(&outcome), []);
    assert_settled(agent);
    done(&outcome)
}
