//! What another part of the system is still bringing about.

use super::*;
use crate::model::Errno;

fn igbvf() -> DriverName {
    "igbvf".parse().unwrap()
}

fn awaits(vf: u16) -> (ProblemKind, Option<u16>) {
    (ProblemKind::Awaits, Some(vf))
}

fn failed(vf: u16) -> (ProblemKind, Option<u16>) {
    (ProblemKind::Failed, Some(vf))
}

/// Of the VFs, all of which have the driver that they should have.
fn assert_bound(agent: &SimAgent) {
    assert_eq!(drivers(agent), ["igbvf"; 4]);
}

#[test]
fn a_driver_that_udev_has_still_to_load_is_awaited() {
    let mut agent = agent(DriverModel::IGB, vec![policy("a", dataplane)]);
    agent.host.delay_driver(igbvf());
    let outcome = agent.pass(pf());
    assert_eq!(kinds(&outcome), [0, 1, 2, 3].map(awaits));
    assert!(outcome.blocked.is_coming());
    assert_settled(&mut agent);
    for _ in 0..20 {
        agent.retry();
        assert_eq!(kinds(&agent.pass(pf())), [0, 1, 2, 3].map(awaits));
    }
    // The kernel binds them, and that is that.
    agent.host.load_driver(&igbvf());
    assert_eq!(converge(&mut agent), [""; 0]);
    assert_bound(&agent);
    assert!(!agent.pass(pf()).blocked.is_coming());
}

#[test]
fn a_driver_that_does_not_come_has_failed_when_udev_is_through() {
    let mut agent = agent(DriverModel::IGB, vec![policy("a", dataplane)]);
    agent.host.delay_driver(igbvf());
    agent.pass(pf());
    agent.host.remove_driver(igbvf());
    agent.retry();
    let outcome = agent.pass(pf());
    assert_eq!(kinds(&outcome), [0, 1, 2, 3].map(failed));
    assert!(!outcome.blocked.is_coming());
    // Whoever loads it after all has done enough.
    agent.host.install_driver(&igbvf());
    agent.host.load_driver(&igbvf());
    converge(&mut agent);
    assert_bound(&agent);
}

/// While its PF was resetting, each VF made up an address: it is bound once more, which is not what
/// failed before.
#[test]
fn a_vf_that_a_late_driver_got_with_another_address_is_bound_again() {
    for lasting in [false, true] {
        let mut agent = agent(DriverModel::IGB, vec![policy("a", dataplane)]);
        match lasting {
            false => agent.host.delay_driver(igbvf()),
            true => agent.host.remove_driver(igbvf()),
        }
        agent.pass(pf());
        agent.host.install_driver(&igbvf());
        agent.host.load_driver(&igbvf());
        agent.host.edit(pf(), |pf| {
            for vf in pf.snapshot.vfs.values_mut() {
                vf.interface.as_mut().unwrap().mac = MacAddress([2, 0xff, 0, 0, 0, 1]);
            }
        });
        converge(&mut agent);
        let vf = vf(&agent, 3);
        assert_eq!(vf.interface.map(|nic| nic.mac), vf.settings.mac);
    }
}

/// Drivers are nobody's affair once the VF has had its first one, with the address that is its own.
#[test]
fn a_vf_whose_first_driver_missed_its_address_is_bound_again_whatever_its_device_type() {
    let mut agent = agent(
        DriverModel::IGB,
        vec![policy("a", |policy| {
            dataplane(policy);
            policy.device_type = DeviceType::Any;
        })],
    );
    agent.host.edit(pf(), |pf| pf.resetting = 2);
    converge(&mut agent);
    assert_bound(&agent);
    for index in 0..4 {
        let vf = vf(&agent, index);
        assert_eq!(vf.interface.map(|nic| nic.mac), vf.settings.mac);
    }
    // Another's hand later is left alone.
    let other = MacAddress([2, 0xff, 0, 0, 0, 1]);
    agent.host.edit(pf(), |pf| {
        let vf = pf.snapshot.vfs.get_mut(&VfIndex(0)).unwrap();
        vf.interface.as_mut().unwrap().mac = other;
    });
    assert_eq!(converge(&mut agent), [""; 0]);
}

/// Between the look and the step udev loads the driver, and the kernel binds it.
struct LoadsTheDriver<'a>(&'a SimHost);

impl Observer for LoadsTheDriver<'_> {
    fn step_begins(&self, step: &Step) {
        if matches!(step, Step::Vf(VfIndex(1), VfStep::Bind { .. })) {
            self.0.load_driver(&igbvf());
        }
    }
    fn step_ends(&self, _: &Step, _: Result<Duration, &HostError>) {}
    fn is_cancelled(&self) -> bool {
        false
    }
}

#[test]
fn a_driver_that_comes_during_the_pass_is_neither_unbound_nor_a_failure() {
    let agent = agent(DriverModel::IGB, vec![policy("a", dataplane)]);
    agent.host.delay_driver(igbvf());
    let node = Node::default();
    let pass = Pass {
        host: &agent.host,
        policies: &agent.policies,
        node: &node,
        ledger: &agent.ledger,
        addresses: &agent.addresses,
        progress: &LoadsTheDriver(&agent.host),
        force: false,
        paused: None,
        interface_is_overdue: false,
    };
    let outcome = pass.run(pf(), Blocked::default());
    assert_eq!(problems(&outcome), []);
    assert!(!outcome.blocked.is_coming() && !outcome.blocked.awaits_retry());
    assert_bound(&agent);
    let attempts = agent.host.take_attempts();
    let binds = attempts.iter().filter(|it| it.result.is_ok());
    let first =
        binds.filter(|it| matches!(it.action.step, Step::Vf(_, VfStep::Bind { from: None, .. })));
    assert_eq!(first.count(), 0, "the kernel did it");
}

fn sets_vlan(action: &Action) -> bool {
    matches!(&action.step, Step::Vf(VfIndex(1), VfStep::SetAttribute { setting, .. })
        if setting.attribute() == VfAttribute::Vlan)
}

/// What is wanted differs in the VLAN alone.
fn with_another_vlan() -> SimAgent {
    let mut agent = agent(DriverModel::IGB, vec![policy("a", dataplane)]);
    converge(&mut agent);
    edit(&mut agent, |policy| policy.settings.vlan = Some(vlan(200)));
    agent
}

#[test]
fn an_answer_that_may_mean_not_yet_is_tried_a_few_times_and_then_told() {
    for errno in [Errno::INVAL, Errno::NOTSUPP] {
        let mut agent = with_another_vlan();
        agent.host.fail_next(sets_vlan, errno, 4);
        assert_eq!(kinds(&agent.pass(pf())), [awaits(1)]);
        for _ in 0..3 {
            agent.retry();
            assert_eq!(kinds(&agent.pass(pf())), [awaits(1)]);
        }
        agent.retry();
        converge(&mut agent);
    }
    let outcome = |errno| {
        let mut agent = with_another_vlan();
        agent.host.fail_next(sets_vlan, errno, u32::MAX);
        for _ in 0..4 {
            agent.pass(pf());
            agent.retry();
        }
        let outcome = agent.pass(pf());
        assert!(!outcome.blocked.awaits_retry(), "enough");
        assert_settled(&mut agent);
        outcome
    };
    assert_eq!(kinds(&outcome(Errno::INVAL)), [failed(1)]);
    let unsupported = (ProblemKind::Unsupported, None);
    assert_eq!(kinds(&outcome(Errno::NOTSUPP)), [unsupported]);
}

#[test]
fn what_the_kernel_calls_passing_is_a_failure_once_it_lasts() {
    let mut agent = with_another_vlan();
    agent.host.fail_next(sets_vlan, Errno::BUSY, 9);
    for _ in 0..7 {
        assert_eq!(kinds(&agent.pass(pf())), [awaits(1)]);
        agent.retry();
    }
    for _ in 0..2 {
        let outcome = agent.pass(pf());
        assert_eq!(kinds(&outcome), [failed(1)]);
        assert!(!outcome.blocked.is_coming() && outcome.blocked.awaits_retry());
        agent.retry();
    }
    converge(&mut agent);
}

/// A driver that gives up making a netdev, so many times that it is bound to VF 1.
fn mute(times: u8) -> SimAgent {
    let agent = agent(DriverModel::I40E, vec![policy("a", dataplane)]);
    let mute = BTreeMap::from([(VfIndex(1), times)]);
    agent.host.edit(pf(), |pf| pf.mute_vfs = mute);
    agent
}

fn is_coming(agent: &mut SimAgent) -> bool {
    let outcome = agent.pass(pf());
    assert_eq!(done(&outcome), [""; 0]);
    outcome.blocked.is_coming()
}

#[test]
fn a_bound_vf_that_gets_no_netdev_is_bound_again_once_and_then_told() {
    let mut agent = mute(1);
    assert_eq!(kinds(&agent.pass(pf())), [(ProblemKind::Awaits, None)]);
    for _ in 0..7 {
        agent.retry();
        assert!(is_coming(&mut agent));
    }
    agent.retry();
    assert_eq!(converge(&mut agent), ["VF 1 driver default"]);
    assert!(vf(&agent, 1).interface.is_some());

    let mut agent = mute(u8::MAX);
    agent.pass(pf());
    let mut bound = Vec::new();
    for _ in 0..9 {
        agent.retry();
        bound.extend(done(&agent.pass(pf())));
    }
    assert_eq!(bound, ["VF 1 driver default"]);
    let outcome = agent.pass(pf());
    assert_eq!(kinds(&outcome), [failed(1)]);
    let Problem { reason, hint, .. } = &problems(&outcome)[0];
    assert_eq!(
        reason,
        "its driver iavf has made no network interface, also when it was bound again"
    );
    assert!(hint.as_ref().unwrap().contains("0000:01:00.0/sriov_numvfs"));
    assert!(!outcome.blocked.is_coming() && !outcome.blocked.awaits_retry());
    assert_settled(&mut agent);

    // What helps: new VFs.
    agent.host.edit(pf(), |pf| pf.mute_vfs.clear());
    agent.host.set_num_vfs_by_hand(pf(), 0);
    converge(&mut agent);
}

#[test]
fn a_vf_without_a_netdev_is_not_bound_again_while_it_is_in_use_or_must_not_be() {
    let careful: [fn(&mut SimAgent); 4] = [
        |agent| {
            let by = Holder::CniAllocation {
                netns: "/run/netns/pod".to_owned(),
            };
            agent.host.hold(pf(), VfIndex(1), by);
        },
        |agent| edit(agent, |policy| policy.disruption = Disruption::Never),
        |agent| edit(agent, |policy| policy.driver_autoprobe = Some(false)),
        |agent| {
            agent.host.edit(pf(), |pf| {
                let vf = pf.snapshot.vfs.get_mut(&VfIndex(1)).unwrap();
                vf.rdma.push("uverbs0".to_owned());
            });
        },
    ];
    for careful in careful {
        let mut agent = mute(1);
        agent.pass(pf());
        careful(&mut agent);
        agent.pass(pf());
        for _ in 0..12 {
            agent.retry();
            assert_eq!(done(&agent.pass(pf())), [""; 0]);
        }
        let outcome = agent.pass(pf());
        assert_eq!(kinds(&outcome), [failed(1)]);
        let reason = &problems(&outcome)[0].reason;
        assert_eq!(reason, "its driver iavf has made no network interface");
    }
}

#[test]
fn a_netdev_that_comes_late_is_awaited_as_long_as_others_come() {
    let mut agent = agent(DriverModel::I40E, vec![policy("a", dataplane)]);
    agent.host.edit(pf(), |pf| pf.late_netdevs = true);
    agent.pass(pf());
    for _ in 0..7 {
        agent.retry();
        assert!(is_coming(&mut agent));
    }
    agent.host.finish_probing(pf());
    assert_eq!(converge(&mut agent), [""; 0]);
}

#[test]
fn a_driver_that_tells_none_as_another_value_is_not_set_again_and_again() {
    for model in [DriverModel::MLX4, DriverModel::QEDE, DriverModel::BNX2X] {
        let name = model.name;
        let mut agent = agent(model, vec![policy("a", count(2))]);
        converge(&mut agent);
        edit(&mut agent, |policy| policy.settings.vlan = Some(Vlan::NONE));
        if name == "qede" {
            let none = TxRate::default();
            edit(&mut agent, |policy| policy.settings.tx_rate = Some(none));
        }
        assert_eq!(converge(&mut agent), [""; 0], "{name}");
        edit(&mut agent, |policy| policy.settings.vlan = Some(vlan(5)));
        assert_eq!(converge(&mut agent).len(), 2, "{name}");
        // The way back ends, too.
        edit(&mut agent, |policy| policy.settings.vlan = None);
        assert_eq!(converge(&mut agent).len(), 2, "{name}");
        agent.policies = set(vec![]);
        converge(&mut agent);
        assert_eq!(agent.ledger.memory().pfs, BTreeMap::new(), "{name}");
    }
}

#[test]
fn what_a_driver_takes_and_does_not_tell_is_set_once_for_as_long_as_the_vf_lives() {
    let trusted = |policy: &mut Policy| {
        policy.num_vfs = Some(NumVfs::Count(1));
        policy.settings.trust = Some(true);
    };
    let mut agent = agent(DriverModel::QEDE, vec![policy("a", trusted)]);
    let trusts = |steps: Vec<String>| {
        let trust = steps.into_iter().filter(|step| step.contains("trust"));
        trust.collect::<Vec<_>>()
    };
    assert_eq!(trusts(converge(&mut agent)), ["VF 0 trust on"]);
    agent.restart();
    assert_settled(&mut agent);
    edit(&mut agent, |policy| policy.settings.trust = Some(false));
    assert_eq!(converge(&mut agent), ["VF 0 trust off"]);
    agent.host.set_num_vfs_by_hand(pf(), 0);
    assert_eq!(trusts(converge(&mut agent)), ["VF 0 trust off"]);
}
