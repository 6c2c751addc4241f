//! The PF as a whole.

use super::*;

#[test]
fn plan_is_empty_where_everything_is_as_wanted() {
    let case = Case::new(3, count(3));
    assert_eq!(case.plan(), Plan::default());
}

#[test]
fn plan_without_a_count_leaves_the_vfs_that_exist() {
    Case::new(3, |_| ()).plans(&[]);
}

#[test]
fn plan_creates_from_zero_at_once() {
    Case::new(0, count(3)).plans(&["numvfs 0 -> 3"]);
}

#[test]
fn plan_growing_goes_to_zero_first() {
    Case::new(2, count(3)).plans(&["numvfs 2 -> 0"]);
}

#[test]
fn plan_switches_autoprobe_off_before_vfs_that_are_configured_first() {
    let tagged = |policy: &mut Policy| {
        count(1)(policy);
        policy.settings.vlan = Some(vlan(5));
    };
    Case::new(0, tagged).plans(&["sriov_drivers_autoprobe off", "numvfs 0 -> 1"]);
    let driver = |policy: &mut Policy| {
        count(1)(policy);
        policy.device_type = vfio();
    };
    Case::new(0, driver).plans(&["sriov_drivers_autoprobe off", "numvfs 0 -> 1"]);
}

#[test]
fn plan_switches_autoprobe_off_before_vfs_that_shall_have_no_driver() {
    let off = |policy: &mut Policy| {
        count(1)(policy);
        policy.driver_autoprobe = Some(false);
    };
    Case::new(0, off).plans(&["sriov_drivers_autoprobe off", "numvfs 0 -> 1"]);
}

#[test]
fn plan_restores_autoprobe_once_the_vfs_are_there() {
    let mut case = Case::new(1, count(1));
    case.pf.autoprobe = false;
    case.plans(&[]);
    case.owned = Some(OwnedPf {
        autoprobe_before: Some(true),
        ..OwnedPf::default()
    });
    case.plans(&["sriov_drivers_autoprobe on"]);
    case.policies[0].driver_autoprobe = Some(false);
    case.plans(&[]);
}

#[test]
fn plan_shrinking_is_refused_while_a_vf_is_in_use() {
    let mut case = Case::new(5, count(2));
    case.hold(1, blue());
    case.hold(4, lent());
    case.plans(&[]);
    case.reports(&[(ProblemKind::InUse, None)]);
    let problem = &case.plan().problems[0];
    assert_eq!(
        problem.reason,
        "changing numvfs 5 -> 2 destroys all VFs, and VF 1 is in use by network namespace blue, \
         VF 4 is in use by CNI, for /run/netns/pod"
    );
    let hint = problem.hint.as_ref().unwrap();
    assert!(hint.contains("`sriovctl apply --force ens1`"), "{hint}");
}

#[test]
fn plan_raises_the_mtu_where_the_count_is_refused() {
    let mut case = Case::new(5, |policy| {
        count(2)(policy);
        policy.mtu = Some(mtu(9000));
    });
    for vf in 0..2 {
        case.vf(vf).interface = None;
    }
    case.hold(0, blue());
    case.plans(&["PF mtu 9000"]);
    case.reports(&[(ProblemKind::InUse, None)]);
}

#[test]
fn plan_names_some_of_the_vfs_in_use_and_counts_the_others() {
    let mut case = Case::new(7, count(2));
    for (vf, end) in [
        (3, "VF 3 is in use by network namespace blue"),
        (4, "one more VF is in use"),
        (5, "2 more VFs are in use"),
    ] {
        (0..=vf).for_each(|vf| case.hold(vf, blue()));
        let reason = &case.plan().problems[0].reason;
        assert!(reason.ends_with(end), "{reason}");
    }
}

#[test]
fn plan_goes_on_with_the_vfs_where_the_count_is_refused() {
    let mut case = Case::new(5, |policy| {
        count(2)(policy);
        policy.settings.trust = Some(true);
    });
    case.hold(4, blue());
    case.plans(&["VF 0 trust on", "VF 1 trust on"]);
}

#[test]
fn plan_asks_for_holders_before_it_destroys() {
    let mut case = Case::new(5, count(2));
    case.pf.holders = None;
    let plan = case.plan();
    assert!(plan.needs_holders);
    assert_eq!(plan.steps, []);
}

#[test]
fn plan_does_not_ask_for_holders_where_nothing_is_disturbed() {
    for vfs in [0, 3] {
        let mut case = Case::new(vfs, count(3));
        case.pf.holders = None;
        assert!(!case.plan().needs_holders);
    }
}

#[test]
fn plan_with_force_destroys_and_knows_who_loses_what() {
    let mut case = Case::new(5, count(2));
    case.hold(1, blue());
    assert_eq!(case.plan().taken, BTreeMap::new());
    case.force = true;
    let lost = BTreeMap::from([(VfIndex(1), BTreeSet::from([blue()]))]);
    for disruption in [Disruption::WhenUnused, Disruption::Never] {
        case.policies[0].disruption = disruption;
        case.plans(&["numvfs 5 -> 0"]);
        assert_eq!(case.plan().taken, lost);
    }
    case.pf.holders = None;
    assert!(case.plan().needs_holders);
}

#[test]
fn plan_obeys_the_policy_on_disruption() {
    let mut case = Case::new(5, count(2));
    case.policies[0].disruption = Disruption::Never;
    case.plans(&[]);
    case.reports(&[(ProblemKind::DisruptionForbidden, None)]);
    case.policies[0].disruption = Disruption::Always;
    case.hold(1, blue());
    case.plans(&["numvfs 5 -> 0"]);
}

#[test]
fn plan_asks_for_no_more_vfs_than_the_device_offers() {
    let case = Case::new(0, count(8));
    case.plans(&[]);
    case.reports(&[(ProblemKind::TooManyVfs, None)]);
    let reason = &case.plan().problems[0].reason;
    assert_eq!(reason, "8 VFs are wanted, and the device offers 7");
}

#[test]
fn plan_says_that_all_of_none_are_wanted_and_where_to_look() {
    for wanted in [NumVfs::Max, NumVfs::Count(4)] {
        let mut case = Case::new(0, |policy| policy.num_vfs = Some(wanted));
        case.pf.total_vfs = 0;
        case.plans(&[]);
        case.reports(&[(ProblemKind::TooManyVfs, None)]);
        let hint = case.plan().problems[0].hint.clone().unwrap();
        assert!(hint.contains("firmware"), "{hint}");
    }
    let mut case = Case::new(0, |policy| {
        policy.num_vfs = Some(NumVfs::Max);
        policy.external = Some(true);
    });
    case.pf.total_vfs = 0;
    case.reports(&[]);
}

#[test]
fn plan_never_changes_the_count_of_an_external_policy() {
    let external = |policy: &mut Policy| {
        count(2)(policy);
        policy.external = Some(true);
    };
    Case::new(5, external).plans(&[]);
}

#[test]
fn plan_brings_a_pf_with_vfs_up() {
    let mut case = Case::new(3, count(3));
    case.interface().up = false;
    case.plans(&["PF up"]);
    case.policies[0].num_vfs = Some(NumVfs::Count(0));
    case.plans(&["numvfs 3 -> 0"]);
    let mut without = Case::new(0, |_| ());
    without.interface().up = false;
    without.plans(&[]);
}

#[test]
fn plan_brings_no_interface_up_that_udev_still_renames() {
    let mut case = Case::new(3, count(3));
    case.interface().up = false;
    case.interface().name_is_final = false;
    case.plans(&[]);
    case.reports(&[(ProblemKind::Awaits, None)]);
}

#[test]
fn plan_brings_up_first_whoever_makes_no_vfs_while_down() {
    let mut case = Case::new(0, count(3));
    case.interface().up = false;
    case.plans(&["numvfs 0 -> 3"]);
    case.pf.driver = "bnxt_en".parse().ok();
    case.plans(&["PF up", "numvfs 0 -> 3"]);
    case.interface().name_is_final = false;
    case.plans(&[]);
    case.reports(&[(ProblemKind::Awaits, None)]);
}

#[test]
fn plan_raises_the_mtu_before_everything_else() {
    let mut case = Case::new(0, count(1));
    case.policies[0].mtu = Some(mtu(9000));
    case.plans(&["PF mtu 9000", "numvfs 0 -> 1"]);
}

#[test]
fn plan_sets_vfs_after_the_mtu_because_the_link_restarts_with_it() {
    let mut case = Case::new(1, |policy| {
        policy.mtu = Some(mtu(9000));
        policy.settings.trust = Some(true);
    });
    case.plans(&["PF mtu 9000"]);
    let interface = case.interface().index;
    case.block(Step::SetPfMtu {
        interface,
        mtu: mtu(9000),
    });
    case.plans(&["VF 0 trust on", "VF 0 mtu 9000"]);
}

#[test]
fn plan_never_lowers_an_mtu_below_what_it_was() {
    let mut case = Case::new(0, |policy| policy.mtu = Some(mtu(2000)));
    case.interface().mtu = mtu(4000);
    case.plans(&[]);
    case.interface().mtu = mtu(9000);
    case.owned = Some(OwnedPf {
        mtu_before: Some(mtu(4000)),
        ..OwnedPf::default()
    });
    case.plans(&["PF mtu 4000"]);
    case.policies[0].mtu = None;
    case.plans(&["PF mtu 4000"]);
}

#[test]
fn plan_does_nothing_to_a_pf_without_driver() {
    let mut case = Case::new(0, count(3));
    case.pf.driver = None;
    case.plans(&[]);
    case.reports(&[(ProblemKind::NoDriver, None)]);
}

#[test]
fn plan_repairs_nothing_from_a_short_list() {
    let mut case = Case::new(3, |policy| policy.settings.trust = Some(true));
    case.pf.vf_list_complete = false;
    case.plans(&[]);
    case.reports(&[(ProblemKind::ShortVfList, None)]);
    // Somebody makes or removes VFs: no fault, and soon over.
    case.pf.count_is_changing = true;
    case.plans(&[]);
    case.reports(&[(ProblemKind::Awaits, None)]);
}

#[test]
fn plan_removes_no_vfs_that_come_or_go_by_themselves() {
    let mut case = Case::new(2, count(3));
    case.pf.vf_list_complete = false;
    case.pf.count_is_changing = true;
    case.plans(&[]);
    case.reports(&[(ProblemKind::Awaits, None)]);
    let mut case = Case::new(0, count(3));
    case.pf.vf_list_complete = false;
    case.pf.count_is_changing = true;
    case.plans(&[]);
    case.reports(&[(ProblemKind::Awaits, None)]);
}

#[test]
fn plan_makes_vfs_of_a_pf_that_has_no_interface_when_its_driver_had_its_time() {
    let mut case = Case::new(0, count(3));
    case.pf.interface = None;
    case.plans(&[]);
    case.reports(&[(ProblemKind::Awaits, None)]);
    case.interface_is_overdue = true;
    case.plans(&["numvfs 0 -> 3"]);
    // Of this one it is known.
    case.interface_is_overdue = false;
    case.pf.driver = "pci-pf-stub".parse().ok();
    case.plans(&["numvfs 0 -> 3"]);
    case.reports(&[]);
}

#[test]
fn plan_waits_for_an_interface_that_is_in_another_namespace_and_says_so() {
    let mut case = Case::new(0, count(3));
    case.pf.interface = None;
    case.pf.interface_elsewhere = true;
    case.interface_is_overdue = true;
    case.plans(&[]);
    let told = |case: &Case| case.plan().problems[0].reason.clone();
    assert!(told(&case).contains("in another network namespace"));
    case.policies[0].matches.link_type = vec![crate::model::LinkType::Ether];
    case.plans(&[]);
    assert!(told(&case).contains("in another network namespace"));
}

#[test]
fn plan_tells_what_a_pf_without_interface_cannot_set() {
    let mut case = Case::new(3, |policy| {
        count(3)(policy);
        policy.settings.vlan = Some(vlan(7));
    });
    case.pf.interface = None;
    case.interface_is_overdue = true;
    for vf in case.pf.vfs.values_mut() {
        vf.settings = VfSettings::default();
    }
    case.plans(&[]);
    case.reports(&[(ProblemKind::Awaits, None)]);
    assert_eq!(
        case.plan().problems[0].reason,
        "the PF has no network interface"
    );
}

#[test]
fn plan_does_nothing_before_the_name_is_final() {
    let mut case = Case::new(0, count(3));
    case.policies[0].matches.pf_name = vec![crate::policy::PfNamePattern {
        glob: "ens1".to_owned(),
        vfs: None,
    }];
    case.interface().name_is_final = false;
    case.plans(&[]);
    case.reports(&[(ProblemKind::Awaits, None)]);
    assert!(case.plan().problems[0].reason.contains("name"));
    case.pf.interface = None;
    case.plans(&[]);
    assert!(case.plan().problems[0].reason.contains("not in sight"));
}

#[test]
fn plan_holds_back_what_failed_as_things_are() {
    let mut case = Case::new(0, count(3));
    case.block(Step::SetNumVfs { from: 0, to: 3 });
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
    case.block(Step::SetNumVfs { from: 0, to: 3 });
    case.plans(&["sriov_drivers_autoprobe on"]);
}

#[test]
fn blocks_end_with_what_asked_for_them() {
    let mut case = Case::new(0, count(3));
    case.block(Step::SetNumVfs { from: 0, to: 3 });
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
    case.block(Step::SetNumVfs { from: 0, to: 3 });
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
