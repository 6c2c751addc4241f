//! The mode of the NIC's own switch.

use super::*;
use crate::model::EswitchMode::{self, Legacy, Switchdev};

/// A PF with a switch in this mode.
fn case(vfs: u16, is: EswitchMode, wanted: EswitchMode) -> Case {
    let mut case = Case::new(vfs, |policy| {
        policy.num_vfs = Some(NumVfs::Count(2));
        policy.eswitch_mode = Some(wanted);
    });
    case.pf.eswitch_mode = Some(is);
    case
}

#[test]
fn plan_sets_the_mode_before_vfs_are_made() {
    case(0, Legacy, Switchdev).plans(&["eswitch mode legacy -> switchdev"]);
    case(0, Switchdev, Switchdev).plans(&["numvfs 0 -> 2"]);
    case(2, Switchdev, Switchdev).plans(&[]);
    case(2, Legacy, Legacy).plans(&[]);
}

#[test]
fn plan_removes_vfs_for_another_mode_unless_one_is_in_use() {
    let mut case = case(2, Legacy, Switchdev);
    case.plans(&["numvfs 2 -> 0"]);
    case.hold(1, blue());
    case.plans(&[]);
    case.reports(&[(ProblemKind::InUse, None)]);
    let told = &case.plan().problems[0].reason;
    assert_eq!(
        told,
        "changing the eSwitch mode legacy -> switchdev destroys all VFs, and VF 1 is in use by network namespace blue"
    );
    // As they are in the way of another count, which is not told as well.
    case.policies[0].num_vfs = Some(NumVfs::Count(3));
    case.reports(&[(ProblemKind::InUse, None)]);
    case.force = true;
    case.plans(&["numvfs 2 -> 0"]);
}

#[test]
fn plan_waits_while_a_bridge_or_traffic_control_has_the_uplink() {
    let to = "br0".parse().unwrap();
    let discipline = "ingress".to_owned();
    for user in [
        Holder::Enslaved { to },
        Holder::TrafficControl { discipline },
    ] {
        for vfs in [0, 2] {
            let mut case = case(vfs, Legacy, Switchdev);
            case.pf.users = Some([user.clone()].into());
            // The rest goes on.
            case.plans(if vfs == 0 { &["numvfs 0 -> 2"] } else { &[] });
            case.reports(&[(ProblemKind::InUse, None)]);
            case.force = true;
            assert_eq!(case.plan().problems, []);
            case.force = false;
            case.pf.users = None;
            assert!(case.plan().needs_holders);
        }
    }
    let mut addressed = case(0, Legacy, Switchdev);
    let address = "192.0.2.1".to_owned();
    addressed.pf.users = Some([Holder::Address { address }].into());
    addressed.plans(&["eswitch mode legacy -> switchdev"]);
}

#[test]
fn plan_tells_where_there_is_no_such_mode_and_goes_on() {
    let mut none = case(0, Legacy, Switchdev);
    none.pf.eswitch_mode = None;
    none.plans(&["numvfs 0 -> 2"]);
    none.reports(&[(ProblemKind::Unsupported, None)]);
    none.pf.initialized = false;
    none.plans(&[]);
    none.reports(&[(ProblemKind::Awaits, None)]);
    none.policies[0].eswitch_mode = Some(Legacy);
    none.reports(&[]);

    let mut refused = case(2, Legacy, Switchdev);
    refused.lacks(&[Capability::EswitchMode(Switchdev)]);
    refused.plans(&[]);
    refused.reports(&[(ProblemKind::Unsupported, None)]);
}

#[test]
fn plan_makes_no_vfs_while_the_mode_may_still_come_and_takes_none_for_one_that_failed() {
    let step = Step::Pf(PfStep::SetEswitchMode {
        from: Legacy,
        to: Switchdev,
    });
    let mut busy = case(0, Legacy, Switchdev);
    let (pf, reason) = (busy.pf.clone(), "busy".to_owned());
    let (how, blocked) = (Persistence::Transient, &mut busy.blocked);
    blocked.insert(step.clone(), reason, how, &pf, &pf);
    busy.plans(&[]);
    busy.reports(&[(ProblemKind::Awaits, None)]);

    let mut failed = case(0, Legacy, Switchdev);
    failed.block(step);
    failed.plans(&["numvfs 0 -> 2"]);
    failed.reports(&[(ProblemKind::Failed, None)]);
    let blocked = failed.blocked;
    let with_vfs = Case {
        blocked,
        ..case(2, Legacy, Switchdev)
    };
    with_vfs.plans(&[]);
    with_vfs.reports(&[(ProblemKind::Failed, None)]);
}

#[test]
fn plan_leaves_the_vfs_of_another_program() {
    let mut case = case(2, Legacy, Switchdev);
    (case.policies[0].num_vfs, case.policies[0].external) = (None, Some(true));
    case.plans(&[]);
    case.reports(&[(ProblemKind::InUse, None)]);
}

#[test]
fn plan_goes_back_to_the_mode_before_when_no_policy_asks_for_one() {
    let mut case = case(0, Switchdev, Switchdev);
    case.policies[0].eswitch_mode = None;
    case.plans(&["numvfs 0 -> 2"]);
    case.owned = Some(OwnedPf {
        eswitch_before: Some(Legacy),
        mtu_before: Some(mtu(1500)),
        ..OwnedPf::default()
    });
    case.plans(&["eswitch mode switchdev -> legacy"]);

    case.policies.clear();
    case.interface().mtu = mtu(9000);
    case.plans(&["PF mtu 1500", "eswitch mode switchdev -> legacy"]);
    case.pf.eswitch_mode = Some(Legacy);
    case.plans(&["PF mtu 1500"]);
}

#[test]
fn plan_resets_no_mode_under_the_vfs_of_another_program() {
    let mut case = case(2, Switchdev, Switchdev);
    case.policies.clear();
    case.owned = Some(OwnedPf {
        eswitch_before: Some(Legacy),
        ..OwnedPf::default()
    });
    case.plans(&[]);
    case.reports(&[(ProblemKind::InUse, None)]);
}

#[test]
fn plan_sets_representors_up_that_have_their_name() {
    let representor = |vf: u16| crate::model::Representor {
        index: 70 + u32::from(vf),
        name: format!("ens1r{vf}").parse().unwrap(),
        name_is_final: true,
        mtu: Mtu::ETHERNET,
        up: false,
        tc_offload: Some(false),
    };
    let mut case = case(2, Switchdev, Switchdev);
    case.plans(&[]);
    case.reports(&[(ProblemKind::Awaits, None)]);
    case.vf(0).representor = Some(representor(0));
    case.plans(&["VF 0 representor up"]);
    case.reports(&[(ProblemKind::Awaits, None)]);
    case.vf(1).representor = Some(crate::model::Representor {
        name_is_final: false,
        ..representor(1)
    });
    case.plans(&["VF 0 representor up"]);
    case.vf(1).representor = Some(representor(1));
    case.policies[0].representor.mtu = Some(mtu(9000));
    case.plans(&[
        "VF 0 representor mtu 9000",
        "VF 0 representor up",
        "VF 1 representor mtu 9000",
        "VF 1 representor up",
    ]);
    case.reports(&[]);
    case.policies[0].representor = crate::policy::DesiredRepresentor {
        mtu: None,
        up: false,
    };
    case.plans(&[]);
    // Not those of a mode that another program chose.
    case.policies[0].representor.up = true;
    case.policies[0].eswitch_mode = None;
    case.plans(&[]);
    // Nor those of VFs that no policy claims.
    case.policies[0].eswitch_mode = Some(Switchdev);
    case.policies[0].vfs = "1".parse().ok();
    case.plans(&["VF 1 representor up"]);
}

#[test]
fn plan_gives_rules_of_tc_to_the_hardware_and_takes_them_back() {
    let mut case = case(1, Switchdev, Switchdev);
    case.policies[0].num_vfs = Some(NumVfs::Count(1));
    case.policies[0].hw_tc_offload = Some(true);
    case.vf(0).representor = Some(crate::model::Representor {
        index: 70,
        name: "ens1r0".parse().unwrap(),
        name_is_final: true,
        mtu: Mtu::ETHERNET,
        up: true,
        tc_offload: None,
    });
    case.plans(&[]);
    case.reports(&[(ProblemKind::Unsupported, None); 2]);
    let told: Vec<_> = case
        .plan()
        .problems
        .into_iter()
        .map(|it| it.reason)
        .collect();
    assert_eq!(
        told,
        [
            "hw_tc_offload is not supported by driver igb",
            "hw_tc_offload of the representor of VF 0 is not supported by driver igb"
        ]
    );
    case.policies[0].hw_tc_offload = Some(false);
    case.reports(&[]);

    case.policies[0].hw_tc_offload = Some(true);
    let set = |case: &mut Case, on| {
        case.interface().tc_offload = Some(on);
        case.vf(0).representor.as_mut().unwrap().tc_offload = Some(on);
    };
    set(&mut case, false);
    case.plans(&["PF hw-tc-offload on", "VF 0 representor hw-tc-offload on"]);
    case.reports(&[]);
    set(&mut case, true);
    case.plans(&[]);

    // Without the key it stays as it is, unless sriovd has set it.
    let off = ["PF hw-tc-offload off", "VF 0 representor hw-tc-offload off"];
    case.policies[0].hw_tc_offload = None;
    case.plans(&[]);
    let mine = owned::OwnedVf {
        tc_offload_before: Some(false),
        ..Default::default()
    };
    case.owned = Some(OwnedPf {
        tc_offload_before: Some(false),
        vfs: [(VfIndex(0), mine)].into(),
        ..OwnedPf::default()
    });
    case.plans(&off);
    case.policies.clear();
    case.plans(&["VF 0 representor hw-tc-offload off", "PF hw-tc-offload off"]);
    set(&mut case, false);
    case.plans(&[]);
}

#[test]
fn plan_does_not_take_a_mode_that_it_may_not_ask_for_as_none() {
    for wanted in [Legacy, Switchdev] {
        let mut case = case(2, Legacy, wanted);
        (case.pf.eswitch_mode, case.pf.eswitch_hidden) = (None, true);
        case.plans(&[]);
        case.reports(&[(ProblemKind::Failed, None)]);
        let told = &case.plan().problems[0].reason;
        assert_eq!(
            told,
            "its eSwitch mode is not known: asking for it needs CAP_NET_ADMIN"
        );
    }
}
