//! A pass that dies after any step: the next one ends where it would have.

use super::*;
use crate::sim::StopAfter;

/// What stays equal whatever order things were done in: all but interface indexes and random MACs.
fn essence(agent: &SimAgent) -> PfSnapshot {
    let mut pf = seen(agent);
    for vf in pf.vfs.values_mut() {
        if let Some(interface) = &mut vf.interface {
            interface.index = 0;
        }
    }
    pf
}

fn large(policy: &mut Policy) {
    dataplane(policy);
    policy.mtu = Some(mtu(9000));
}

fn small(policy: &mut Policy) {
    dataplane(policy);
    policy.num_vfs = Some(NumVfs::Count(3));
    policy.device_type = DeviceType::Driver(vfio());
    policy.settings.vlan = None;
}

/// From one policy to the next, and the agent dies after every possible number of steps.
fn crash_everywhere(prepare: impl Fn(&SimHost), first: &[Policy], then: &[Policy]) {
    let start = || {
        let mut agent = agent(DriverModel::IGB, first.to_vec());
        prepare(&agent.host);
        agent.pass(pf());
        agent.policies = set(then.to_vec());
        agent
    };
    let mut undisturbed = start();
    let steps = converge(&mut undisturbed).len();
    assert!(steps > 1, "nothing to interrupt");
    for survived in 0..=steps {
        let mut agent = start();
        agent.pass_with(pf(), &StopAfter::steps(survived), false);
        agent.restart();
        converge(&mut agent);
        assert_eq!(
            essence(&agent),
            essence(&undisturbed),
            "died after step {survived} of {steps}"
        );
        assert_eq!(
            agent.ledger.memory(),
            undisturbed.ledger.memory(),
            "died after step {survived} of {steps}"
        );
    }
}

#[test]
fn a_crash_while_creating_leaves_no_trace() {
    crash_everywhere(|_| {}, &[], &[policy("a", large)]);
}

#[test]
fn a_crash_while_creating_without_autoprobe_leaves_no_trace() {
    let off = |host: &SimHost| host.edit(pf(), |pf| pf.snapshot.autoprobe = false);
    crash_everywhere(off, &[], &[policy("a", large)]);
}

#[test]
fn a_crash_while_changing_leaves_no_trace() {
    crash_everywhere(|_| {}, &[policy("a", large)], &[policy("a", small)]);
    crash_everywhere(|_| {}, &[policy("a", small)], &[policy("a", large)]);
}

#[test]
fn a_crash_while_resetting_leaves_no_trace() {
    crash_everywhere(|_| {}, &[policy("a", large)], &[]);
    let by_hand = |host: &SimHost| {
        host.set_num_vfs_by_hand(pf(), 3);
        host.edit(pf(), |pf| pf.snapshot.autoprobe = false);
    };
    crash_everywhere(by_hand, &[policy("a", small)], &[]);
}

#[test]
fn a_crash_while_giving_trusted_vfs_another_mac_leaves_no_trace() {
    let fixed = |policy: &mut Policy| {
        large(policy);
        readdress(policy);
    };
    crash_everywhere(|_| {}, &[policy("a", large)], &[policy("a", fixed)]);
}

#[test]
fn the_memory_survives_being_written_down() {
    let mut agent = agent(DriverModel::IGB, vec![policy("a", large)]);
    converge(&mut agent);
    let memory = agent.ledger.memory();
    let text = serde_json::to_string(&memory).unwrap();
    assert_eq!(
        serde_json::from_str::<crate::memory::Memory>(&text).unwrap(),
        memory
    );
}
