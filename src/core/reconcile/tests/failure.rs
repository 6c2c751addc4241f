//! What the kernel refuses, forgets or only half does.

use super::*;
use crate::model::Errno;
use std::sync::atomic::{AtomicUsize, Ordering};

fn sets(vf: u16, attribute: VfAttribute) -> impl Fn(&Action) -> bool + Send + 'static {
    move |action| {
        matches!(&action.step, Step::Vf(at, VfStep::SetAttribute { setting, .. })
        if at.0 == vf && setting.attribute() == attribute)
    }
}

fn is_kind(kind: &'static str) -> impl Fn(&Action) -> bool + Send + 'static {
    move |action| action.step.kind() == kind
}

#[test]
fn one_refused_attribute_leaves_everything_else_done() {
    let mut agent = agent(DriverModel::IGB, vec![policy("a", dataplane)]);
    agent
        .host
        .fail_next(sets(1, VfAttribute::Vlan), Errno::PERM, u32::MAX);
    let outcome = agent.pass(pf());
    assert_eq!(kinds(&outcome), [(ProblemKind::Failed, Some(1))]);
    for index in 0..4 {
        let vf = vf(&agent, index);
        assert_eq!(vf.settings.vlan.unwrap().id == 100, index != 1);
        assert_eq!(vf.settings.trust, Some(true));
        assert_eq!(vf.settings.spoof_check, Some(false));
        assert!(vf.driver.is_some());
    }
    assert_settled(&mut agent);
    agent.host.clear_faults();
    agent.retry();
    assert_settled(&mut agent);
    agent.host.set_cable(pf(), None);
    assert_eq!(converge(&mut agent), ["VF 1 vlan 100"]);
}

#[test]
fn what_may_pass_by_itself_is_tried_after_a_back_off() {
    let mut model = DriverModel::ICE;
    model.busy_after_creation = 2;
    let mut agent = agent(model, vec![policy("a", dataplane)]);
    let outcome = agent.pass(pf());
    assert!(outcome.blocked.awaits_retry());
    assert_eq!(kinds(&outcome), [(ProblemKind::Awaits, Some(0)); 2]);
    assert_settled(&mut agent);
    agent.retry();
    converge(&mut agent);
    assert!(!agent.pass(pf()).blocked.awaits_retry());
}

#[test]
fn where_no_vf_is_bound_again_its_first_driver_waits_for_the_address() {
    for disruption in [Disruption::Never, Disruption::WhenUnused] {
        let careful = |policy: &mut Policy| {
            dataplane(policy);
            policy.disruption = disruption;
        };
        let mut agent = agent(DriverModel::IGB, vec![policy("a", careful)]);
        agent
            .host
            .fail_next(sets(1, VfAttribute::Mac), Errno::AGAIN, u32::MAX);
        let outcome = agent.pass(pf());
        assert!(outcome.blocked.awaits_retry());
        assert_eq!(kinds(&outcome), [(ProblemKind::Awaits, Some(1))]);
        assert_eq!(
            vf(&agent, 1).driver.is_none(),
            disruption == Disruption::Never
        );
        // The others are as quick as ever.
        let steps = done(&outcome);
        let at = |step: &str| steps.iter().position(|it| it.starts_with(step));
        assert!(at("VF 2 driver default").unwrap() < at("VF 3").unwrap());
        agent.host.clear_faults();
        agent.retry();
        converge(&mut agent);
        let vf = vf(&agent, 1);
        assert!(vf.settings.mac.is_some() && vf.driver.is_some());
        assert_eq!(vf.interface.map(|interface| interface.mac), vf.settings.mac);
    }
}

#[test]
fn what_a_pf_does_not_support_is_learnt_for_as_long_as_it_has_vfs() {
    let states = |policy: &mut Policy| {
        dataplane(policy);
        policy.settings.link_state = Some(LinkState::Enable);
    };
    let mut agent = agent(DriverModel::IGB, vec![policy("a", states)]);
    assert_eq!(kinds(&agent.pass(pf())), [(ProblemKind::Unsupported, None)]);
    assert_settled(&mut agent);
    agent.restart();
    assert_settled(&mut agent);

    // Another card of the same driver may have it.
    agent.host.take_attempts();
    agent.host.plug(SimPf::new(at(OTHER), DriverModel::IGB));
    let outcome = agent.pass(at(OTHER));
    assert_eq!(kinds(&outcome), [(ProblemKind::Unsupported, None)]);
    let failed = |agent: &SimAgent| {
        let attempts = agent.host.take_attempts();
        attempts.iter().any(|attempt| attempt.result.is_err())
    };
    assert!(failed(&agent));

    // So may the same card in another mode, which it takes up without VFs.
    agent.host.set_num_vfs_by_hand(pf(), 0);
    let outcome = agent.pass(pf());
    assert_eq!(kinds(&outcome), [(ProblemKind::Unsupported, None)]);
    assert!(failed(&agent));
    edit(&mut agent, |policy| policy.settings.link_state = None);
    converge(&mut agent);
}

#[test]
fn success_without_effect_is_noticed_and_not_repeated() {
    for kind in ["set-numvfs", "set-pf-up", "set-vf", "bind", "set-pf-mtu"] {
        let large = |policy: &mut Policy| {
            dataplane(policy);
            policy.mtu = Some(mtu(9000));
        };
        let mut agent = agent(DriverModel::IGB, vec![policy("a", large)]);
        agent.host.succeed_without_effect(is_kind(kind), u32::MAX);
        let outcome = agent.pass(pf());
        let reads_back = |problem: &Problem| problem.reason.contains("reported success");
        assert!(problems(&outcome).iter().any(reads_back), "{kind}");
        assert_settled(&mut agent);
    }
}

#[test]
fn what_a_vf_lost_to_a_reset_of_its_pf_is_done_again_at_once() {
    for kind in ["set-vf", "bind"] {
        let mut agent = agent(DriverModel::IGB, vec![policy("a", dataplane)]);
        agent.host.succeed_without_effect(is_kind(kind), 2);
        converge(&mut agent);
    }
}

#[test]
fn a_driver_that_makes_fewer_vfs_is_not_asked_again_and_again() {
    let mut agent = agent(DriverModel::ICE, vec![policy("a", dataplane)]);
    agent.host.make_fewer_vfs(pf(), 3, u32::MAX);
    let outcome = agent.pass(pf());
    assert_eq!(kinds(&outcome), [(ProblemKind::Failed, None)]);
    assert_eq!(seen(&agent).num_vfs, 3);
    assert_eq!(vf(&agent, 2).settings.vlan, Some(vlan(100)));
    let creations = |attempts: Vec<crate::sim::Attempt>| {
        let creates = |step: &Step| matches!(step, Step::Pf(PfStep::SetNumVfs { from: 0, .. }));
        let attempts = attempts.into_iter();
        attempts
            .filter(|attempt| creates(&attempt.action.step))
            .count()
    };
    assert!(creations(agent.host.take_attempts()) <= 2);
    assert_settled(&mut agent);
    agent.host.set_cable(pf(), None);
    agent.pass(pf());
    assert_eq!(seen(&agent).num_vfs, 3, "a lost link is no reason to try");
}

#[test]
fn vfs_are_looked_after_while_their_number_cannot_be_changed() {
    let mut agent = agent(DriverModel::IGB, vec![policy("a", dataplane)]);
    converge(&mut agent);
    edit(&mut agent, count(2));
    agent
        .host
        .fail_next(is_kind("set-numvfs"), Errno::PERM, u32::MAX);
    assert_eq!(kinds(&agent.pass(pf())), [(ProblemKind::Failed, None)]);
    agent
        .host
        .set_vf_setting(pf(), VfIndex(1), VfSetting::Vlan(vlan(7)));
    assert_eq!(done(&agent.pass(pf())), ["VF 1 vlan 100"]);
}

#[test]
fn a_missing_driver_is_the_problem_of_the_vfs_that_want_it() {
    let driver = |policy: &mut Policy| {
        policy.num_vfs = Some(NumVfs::Count(2));
        policy.device_type = DeviceType::Driver(vfio());
        policy.settings.vlan = Some(vlan(100));
    };
    let mut agent = agent(DriverModel::IGB, vec![policy("a", driver)]);
    agent.host.remove_driver(vfio());
    let outcome = agent.pass(pf());
    let failed = |vf| (ProblemKind::Failed, Some(vf));
    assert_eq!(kinds(&outcome), [failed(0), failed(1)]);
    assert_eq!(vf(&agent, 1).settings.vlan, Some(vlan(100)));
    assert_settled(&mut agent);
}

#[test]
fn a_default_driver_that_is_missing_does_not_make_autoprobe_flap() {
    let mut agent = agent(DriverModel::IGB, vec![policy("a", dataplane)]);
    agent.host.edit(pf(), |pf| pf.snapshot.autoprobe = false);
    agent.host.remove_driver("igbvf".parse().unwrap());
    let outcome = agent.pass(pf());
    assert_eq!(kinds(&outcome).len(), 4);
    assert!(!seen(&agent).autoprobe);
    assert_settled(&mut agent);
}

#[test]
fn autoprobe_that_cannot_be_switched_is_tried_once() {
    let mut agent = agent(DriverModel::IGB, vec![policy("a", dataplane)]);
    agent.host.edit(pf(), |pf| pf.snapshot.autoprobe = false);
    agent
        .host
        .fail_next(is_kind("set-autoprobe"), Errno::PERM, u32::MAX);
    let outcome = agent.pass(pf());
    assert!(kinds(&outcome).contains(&(ProblemKind::Failed, None)));
    let attempts = agent.host.take_attempts();
    let tried = attempts
        .iter()
        .filter(|attempt| attempt.action.step.kind() == "set-autoprobe");
    assert_eq!(tried.count(), 1);
    assert_settled(&mut agent);
}

#[test]
fn a_mac_that_is_refused_costs_neither_trust_nor_a_rebind() {
    let mut agent = agent(DriverModel::IGB, vec![policy("a", dataplane)]);
    converge(&mut agent);
    edit(&mut agent, readdress);
    agent
        .host
        .fail_next(sets(1, VfAttribute::Mac), Errno::PERM, u32::MAX);
    let outcome = agent.pass(pf());
    assert_eq!(kinds(&outcome), [(ProblemKind::Failed, Some(1))]);
    assert_eq!(vf(&agent, 1).settings.trust, Some(true));
    let rebound = "VF 1 driver default".to_owned();
    assert!(!done(&outcome).contains(&rebound));
    assert_eq!(vf(&agent, 2).settings.mac, Some(written_mac(2)));
    assert_settled(&mut agent);
}

#[test]
fn a_pf_that_is_pulled_out_midway_is_gone() {
    for kind in ["set-autoprobe", "set-numvfs", "set-pf-up", "set-vf", "bind"] {
        let mut agent = agent(DriverModel::IGB, vec![policy("a", dataplane)]);
        agent.host.vanish_during(is_kind(kind));
        assert!(matches!(agent.pass(pf()).end, End::Gone), "{kind}");
        agent.host.plug(SimPf::new(pf(), DriverModel::IGB));
        converge(&mut agent);
    }
}

#[test]
fn a_pf_without_driver_waits_for_one() {
    let mut agent = agent(DriverModel::IGB, vec![policy("a", dataplane)]);
    converge(&mut agent);
    agent.host.unbind_pf(pf());
    assert_eq!(kinds(&agent.pass(pf())), [(ProblemKind::NoDriver, None)]);
    assert_settled(&mut agent);
    agent.host.bind_pf(pf());
    converge(&mut agent);
    assert_eq!(vf(&agent, 3).settings.vlan, Some(vlan(100)));
}

#[test]
fn nothing_is_repaired_from_a_short_list() {
    let mut agent = agent(DriverModel::IGB, vec![policy("a", dataplane)]);
    converge(&mut agent);
    agent.host.edit(pf(), |pf| pf.listed_vfs = Some(2));
    assert_eq!(kinds(&agent.pass(pf())), [(ProblemKind::ShortVfList, None)]);
    assert_settled(&mut agent);
    agent.host.edit(pf(), |pf| pf.listed_vfs = None);
    assert_settled(&mut agent);
    edit(&mut agent, |policy| policy.settings.vlan = None);
    agent.host.edit(pf(), |pf| pf.listed_vfs = Some(2));
    agent.pass(pf());
    agent.host.edit(pf(), |pf| pf.listed_vfs = None);
    converge(&mut agent);
    assert_eq!(vf(&agent, 3).settings.vlan, Some(Vlan::NONE));
}

#[test]
fn a_pf_that_cannot_be_looked_at_is_left_alone() {
    let mut agent = agent(DriverModel::IGB, vec![policy("a", dataplane)]);
    agent.host.blind(pf(), Some(Errno::IO));
    assert!(matches!(agent.pass(pf()).end, End::Unobservable(_)));
    assert_eq!(agent.host.take_attempts(), []);
}

#[test]
fn a_failure_of_what_nobody_wants_any_more_is_forgotten() {
    let mut agent = agent(DriverModel::IGB, vec![policy("a", dataplane)]);
    agent
        .host
        .fail_next(sets(1, VfAttribute::Vlan), Errno::AGAIN, u32::MAX);
    assert!(agent.pass(pf()).blocked.awaits_retry());
    edit(&mut agent, |policy| policy.settings.vlan = None);
    let outcome = agent.pass(pf());
    assert_eq!(problems(&outcome), []);
    assert!(!outcome.blocked.awaits_retry());
}

/// Whatever is set, something else is undone.
struct Opponent<'a>(&'a SimHost);

impl Observer for Opponent<'_> {
    fn step_begins(&self, step: &Step) {
        let undo = match step {
            Step::Vf(_, VfStep::SetAttribute { setting, .. })
                if setting.attribute() == VfAttribute::Vlan =>
            {
                VfSetting::SpoofCheck(true)
            }
            _ => VfSetting::Vlan(vlan(7)),
        };
        self.0.set_vf_setting(pf(), VfIndex(0), undo);
    }
    fn step_ends(&self, _: &Step, _: Result<Duration, &HostError>) {}
    fn is_cancelled(&self) -> bool {
        false
    }
}

#[test]
fn an_opponent_is_not_fought_without_end() {
    let mut agent = agent(DriverModel::IGB, vec![policy("a", dataplane)]);
    converge(&mut agent);
    let vlan = VfSetting::Vlan(vlan(7));
    agent.host.set_vf_setting(pf(), VfIndex(0), vlan);
    let node = Node::default();
    let pass = Pass {
        host: &agent.host,
        policies: &agent.policies,
        node: &node,
        ledger: &agent.ledger,
        addresses: &agent.addresses,
        progress: &Opponent(&agent.host),
        force: false,
        paused: None,
        interface_is_overdue: false,
    };
    let outcome = pass.run(pf(), Blocked::default());
    assert_eq!(outcome.performed.len(), MAX_ROUNDS);
    assert_eq!(kinds(&outcome), [(ProblemKind::Failed, Some(0))]);
    assert!(problems(&outcome)[0].reason.contains("keeps undoing it"));
    assert!(outcome.blocked.awaits_retry(), "later");
    assert!(outcome.undone.iter().all(|it| it.vf() == Some(VfIndex(0))));
    assert!(!outcome.undone.is_empty());
    let again = pass.run(pf(), outcome.blocked);
    assert_eq!(done(&again), Vec::<String>::new(), "not at once");
    converge(&mut agent);
}

/// How often something was to be done.
#[derive(Default)]
struct Rounds {
    planned: AtomicUsize,
    cancelled: bool,
}

impl Observer for Rounds {
    fn planned(&self, _: &[Step]) {
        self.planned.fetch_add(1, Ordering::Relaxed);
    }
    fn step_begins(&self, _: &Step) {}
    fn step_ends(&self, _: &Step, _: Result<Duration, &HostError>) {}
    fn is_cancelled(&self) -> bool {
        self.cancelled
    }
}

#[test]
fn a_pass_ends_with_nothing_to_do_or_when_it_is_told_to() {
    let mut agent = agent(DriverModel::IGB, vec![policy("a", dataplane)]);
    let cancelled = Rounds {
        cancelled: true,
        ..Rounds::default()
    };
    let outcome = agent.pass_with(pf(), &cancelled, false);
    assert_eq!(cancelled.planned.into_inner(), 0);
    assert_eq!(outcome.undone, BTreeSet::new());
    converge(&mut agent);
    let settled = Rounds::default();
    agent.pass_with(pf(), &settled, false);
    assert_eq!(settled.planned.into_inner(), 0);
}

#[test]
fn vfs_that_stay_when_all_shall_go_are_no_other_count() {
    let agent = agent(DriverModel::IGB, vec![]);
    agent.host.set_num_vfs_by_hand(pf(), 2);
    let asked = |from, to| {
        other_count(
            &[Step::Pf(PfStep::SetNumVfs { from, to })],
            &[],
            &seen(&agent),
        )
    };
    assert!(asked(0, 4).is_some());
    assert!(asked(0, 2).is_none());
    assert!(asked(4, 0).is_none(), "the rest may go with another try");
}

#[test]
fn a_driver_whose_trust_resets_its_vfs_comes_to_rest() {
    let mut model = DriverModel::IGB;
    model.trust_resets_vf = true;
    let mut agent = agent(model, vec![policy("a", dataplane)]);
    converge(&mut agent);
}

#[test]
fn too_many_vfs_are_named_and_those_that_exist_are_configured() {
    let many = |policy: &mut Policy| {
        dataplane(policy);
        policy.num_vfs = Some(NumVfs::Count(8));
    };
    let mut agent = agent(DriverModel::IGB, vec![policy("a", many)]);
    agent.host.set_num_vfs_by_hand(pf(), 2);
    assert_eq!(kinds(&agent.pass(pf())), [(ProblemKind::TooManyVfs, None)]);
    assert_eq!(seen(&agent).num_vfs, 2);
    assert_eq!(vf(&agent, 1).settings.vlan, Some(vlan(100)));
    assert_settled(&mut agent);
}
