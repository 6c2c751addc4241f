//! The PF as a whole: up, MTU, and what it waits for.

use super::*;

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
fn plan_leaves_the_mtu_of_a_port_to_its_bond_and_says_so() {
    let mut case = Case::new(1, count(1));
    case.policies[0].mtu = Some(mtu(9000));
    case.vf(0).interface.as_mut().unwrap().mtu = mtu(9000);
    case.interface().bond = "bond0".parse().ok();
    case.plans(&[]);
    case.reports(&[(ProblemKind::PortOfBond, None)]);
    let problem = &case.plan().problems[0];
    assert_eq!(
        problem.reason,
        "its MTU is 1500, as bond0 gives it to its ports, and 9000 is wanted"
    );
    let hint = problem.hint.as_deref();
    assert_eq!(
        hint,
        Some("to give it to all ports: `ip link set bond0 mtu 9000`")
    );
    case.interface().mtu = mtu(9000);
    case.reports(&[]);
    // What no policy asks for any more goes back when the bond lets the port go.
    case.policies[0].mtu = None;
    case.vf(0).interface.as_mut().unwrap().mtu = mtu(1500);
    case.owned = Some(OwnedPf {
        mtu_before: Some(mtu(1500)),
        ..OwnedPf::default()
    });
    case.plans(&[]);
    case.reports(&[]);
    case.interface().bond = None;
    case.plans(&["PF mtu 1500"]);
}

#[test]
fn plan_sets_vfs_after_the_mtu_because_the_link_restarts_with_it() {
    let mut case = Case::new(1, |policy| {
        policy.mtu = Some(mtu(9000));
        policy.settings.trust = Some(true);
    });
    case.plans(&["PF mtu 9000"]);
    let interface = case.interface().index;
    case.block(Step::Pf(PfStep::SetMtu {
        interface,
        mtu: mtu(9000),
    }));
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
fn plan_tells_once_and_for_all_what_a_pf_without_interface_cannot_set() {
    for (driver, overdue) in [("igb", true), ("pci-pf-stub", false)] {
        let mut case = Case::new(3, |policy| {
            count(3)(policy);
            policy.settings.vlan = Some(vlan(7));
            policy.mac = MacChoice::Stable;
            policy.mtu = Some(mtu(1500));
        });
        case.pf.driver = driver.parse().ok();
        case.pf.interface = None;
        case.interface_is_overdue = overdue;
        for vf in case.pf.vfs.values_mut() {
            vf.settings = VfSettings::default();
        }
        case.plans(&[]);
        let problems = case.plan().problems;
        let told = ["mac", "the mtu of the PF", "vlan"].map(|what| {
            format!("{what} is set through the PF's network interface, and {driver} has made none")
        });
        assert!(
            problems.iter().map(|problem| &problem.reason).eq(&told),
            "{problems:?}"
        );
        case.reports(&[(ProblemKind::Unsupported, None); 3]);
        assert_eq!(
            ProblemKind::Unsupported.state(),
            crate::report::PfState::Ready
        );
    }
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
