//! How many VFs a PF has, and what is done before and after they are made.

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
    case.hold(4, allocated());
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
