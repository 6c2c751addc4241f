//! What is not tried again, and what is held back.

use super::*;

#[test]
fn plan_holds_back_what_failed_as_things_are() {
    let mut case = Case::new(0, count(3));
    case.block(Step::Pf(PfStep::SetNumVfs { from: 0, to: 3 }));
    case.plans(&[]);
    case.reports(&[(ProblemKind::Failed, None)]);
    case.interface().carrier = false;
    case.plans(&[]);
    case.interface().up = false;
    case.plans(&["numvfs 0 -> 3"]);
}

#[test]
fn plan_undoes_its_autoprobe_where_no_vfs_come() {
    let mut case = Case::new(0, |policy| {
        count(3)(policy);
        policy.settings.trust = Some(true);
    });
    case.pf.autoprobe = false;
    case.owned = Some(OwnedPf {
        autoprobe_before: Some(true),
        ..OwnedPf::default()
    });
    case.block(Step::Pf(PfStep::SetNumVfs { from: 0, to: 3 }));
    case.plans(&["sriov_drivers_autoprobe on"]);
}

#[test]
fn blocks_end_with_what_asked_for_them() {
    let mut case = Case::new(0, count(3));
    case.block(Step::Pf(PfStep::SetNumVfs { from: 0, to: 3 }));
    let plan = case.plan();
    let mut blocked = case.blocked.clone();
    blocked.prune(&case.pf, &plan);
    assert_eq!(blocked, case.blocked, "still wanted");
    case.policies[0].num_vfs = Some(NumVfs::Count(2));
    blocked.prune(&case.pf, &case.plan());
    assert_eq!(blocked, Blocked::default());
}

#[test]
fn blocks_end_with_the_circumstances_of_the_failure() {
    let mut case = Case::new(0, count(3));
    case.block(Step::Pf(PfStep::SetNumVfs { from: 0, to: 3 }));
    case.interface().up = false;
    let mut blocked = case.blocked.clone();
    blocked.prune(&case.pf, &case.plan());
    assert_eq!(blocked, Blocked::default());
}

#[test]
fn what_is_held_is_left_alone_until_it_is_not_and_holds_up_nothing_else() {
    let mut case = Case::new(2, |policy| {
        count(2)(policy);
        policy.settings.trust = Some(true);
        policy.settings.vlan = Some(Vlan {
            id: 5,
            ..Vlan::NONE
        });
    });
    let all = case.plan().steps;
    let (held, others) = all.split_first().unwrap();
    case.blocked.hold(BTreeSet::from([held.clone()]));
    let plan = case.plan();
    assert_eq!(plan.steps, others);
    assert_eq!(plan.problems, [], "whoever holds it tells why");
    case.blocked.prune(&case.pf, &plan);
    case.blocked.allow_retries();
    assert_eq!(case.plan().steps, others);
    case.blocked.hold(BTreeSet::new());
    assert_eq!(case.plan().steps, all);
}

#[test]
fn a_pause_holds_every_step_and_says_how_many_wait() {
    let until = "2026-01-31T08:00:00Z".parse().unwrap();
    let pause = Pause {
        until: Some(until),
        by: "user 0".to_owned(),
    };
    let mut case = Case::new(0, |policy| policy.num_vfs = Some(NumVfs::Count(4)));
    let planned = case.plan();
    assert!(!planned.steps.is_empty());
    case.paused = Some(pause);
    let held = case.plan();
    assert_eq!(held.steps, []);
    let [problem] = &held.problems[..] else {
        panic!("{:?}", held.problems);
    };
    assert_eq!(problem.kind, ProblemKind::Paused);
    let expected = match planned.steps.len() {
        1 => "by user 0 until 2026-01-31T08:00:00Z; 1 step waits".to_owned(),
        steps => format!("by user 0 until 2026-01-31T08:00:00Z; {steps} steps wait"),
    };
    assert_eq!(problem.reason, expected);

    // It is said also of what is as wanted, but not of what nobody wants anything of.
    case.policies[0].num_vfs = None;
    case.reports(&[(ProblemKind::Paused, None)]);
    case.policies.clear();
    assert_eq!(case.plan(), Plan::default());
}
