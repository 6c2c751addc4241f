//! Single VFs: attributes, the MTU of their own netdev, and who uses them.

use super::*;

#[test]
fn plan_sets_only_what_differs_in_the_order_of_the_attributes() {
    let mut case = Case::new(
        1,
        wants(&[
            VfSetting::SpoofCheck(false),
            VfSetting::Trust(true),
            VfSetting::Vlan(vlan(5)),
        ]),
    );
    case.plans(&["VF 0 trust on", "VF 0 vlan 5", "VF 0 spoofchk off"]);
    case.vf(0).settings.vlan = Some(vlan(5));
    case.plans(&["VF 0 trust on", "VF 0 spoofchk off"]);
}

#[test]
fn plan_leaves_alone_what_no_policy_mentions() {
    let mut case = Case::new(1, |_| ());
    case.vf(0).settings.vlan = Some(vlan(5));
    case.plans(&[]);
}

#[test]
fn plan_puts_back_what_it_set_and_nobody_wants_any_more() {
    let mut case = Case::new(1, |_| ());
    case.vf(0).settings.vlan = Some(vlan(5));
    case.vf(0).settings.trust = Some(true);
    let before = Some(VfSetting::Trust(true));
    let settings = [(VfAttribute::Vlan, None), (VfAttribute::Trust, before)];
    let mine = owned::OwnedVf {
        settings: settings.into(),
        ..Default::default()
    };
    case.owned = Some(OwnedPf {
        vfs: [(VfIndex(0), mine)].into(),
        ..OwnedPf::default()
    });
    case.plans(&["VF 0 vlan 0"]);
    case.vf(0).settings = VfSettings::default();
    case.plans(&[]);
}

#[test]
fn plan_leaves_the_driver_and_the_mac_of_a_vf_in_use_and_sets_the_rest() {
    let mut case = Case::new(2, |policy| {
        fixed(policy);
        wants(&[VfSetting::Vlan(vlan(5))])(policy);
        policy.vfs = "0".parse().ok();
    });
    case.vf(0).settings.trust = Some(true);
    case.hold(0, blue());
    case.plans(&["VF 0 vlan 5"]);
    case.reports(&[(ProblemKind::InUse, Some(0))]);
    let reason = &case.plan().problems[0].reason;
    assert!(reason.starts_with("changing its MAC"), "{reason}");
    let mut case = Case::new(1, |policy| policy.device_type = vfio());
    case.hold(0, blue());
    case.plans(&[]);
    let reason = &case.plan().problems[0].reason;
    assert!(reason.starts_with("changing its driver"), "{reason}");
    case.force = true;
    case.plans(&["VF 0 driver vfio-pci"]);
}

#[test]
fn plan_does_not_touch_what_a_cni_plugin_lent() {
    let mut case = Case::new(2, wants(&[VfSetting::Vlan(vlan(5))]));
    case.hold(0, allocated());
    case.plans(&["VF 1 vlan 5"]);
    case.reports(&[]);
}

#[test]
fn plan_tells_who_was_lent_a_vf_that_is_to_have_another_driver() {
    let mut case = Case::new(2, |policy| {
        wants(&[VfSetting::Vlan(vlan(5))])(policy);
        policy.device_type = vfio();
    });
    case.hold(0, allocated());
    case.plans(&["VF 1 vlan 5", "VF 1 driver vfio-pci"]);
    case.reports(&[(ProblemKind::InUse, Some(0))]);
    case.policies[0].disruption = Disruption::Always;
    case.plans(&[
        "VF 0 driver vfio-pci",
        "VF 1 vlan 5",
        "VF 1 driver vfio-pci",
    ]);
    case.reports(&[]);
    assert!(case.plan().taken.contains_key(&VfIndex(0)));
    // What failed is told of as ever.
    let bind = case.plan().steps.remove(0);
    case.block(bind);
    case.policies[0].disruption = Disruption::WhenUnused;
    case.reports(&[(ProblemKind::Failed, Some(0))]);
}

#[test]
fn plan_asks_for_holders_before_it_changes_a_bound_vf() {
    let mut case = Case::new(2, wants(&[VfSetting::Vlan(vlan(5))]));
    case.pf.holders = None;
    assert!(case.plan().needs_holders);
    for vf in 0..2 {
        case.vf(vf).settings.vlan = Some(vlan(5));
    }
    assert!(!case.plan().needs_holders);
}

#[test]
fn plan_asks_no_driver_for_what_it_does_not_support() {
    let ad = Vlan {
        proto: VlanProto::Dot1ad,
        ..vlan(5)
    };
    let rate = |min| TxRate { min, max: 50 };
    let table = [
        (
            VfSetting::Trust(true),
            Capability::Attribute(VfAttribute::Trust),
        ),
        (VfSetting::Vlan(ad), Capability::Vlan8021ad),
        (VfSetting::TxRate(rate(10)), Capability::MinTxRate),
    ];
    for (setting, capability) in table {
        let mut case = Case::new(2, wants(&[setting]));
        // Nothing is known beforehand of this one.
        case.pf.driver = "ice".parse().ok();
        assert_eq!(case.plan().steps.len(), 2, "{setting}");
        case.lacks(&[capability]);
        let rest: &[&str] = match capability {
            Capability::MinTxRate => &["VF 0 max_tx_rate 50", "VF 1 max_tx_rate 50"],
            _ => &[],
        };
        case.plans(rest);
        // Once for all VFs.
        case.reports(&[(ProblemKind::Unsupported, None)]);
        assert_eq!(Capability::needed_by(setting), capability);
    }
    let mut case = Case::new(1, wants(&[VfSetting::TxRate(rate(0))]));
    case.lacks(&[Capability::MinTxRate, Capability::Vlan8021ad]);
    case.plans(&["VF 0 max_tx_rate 50"]);
}

#[test]
fn plan_knows_who_takes_a_minimum_rate_for_a_bad_value() {
    let rate = VfSetting::TxRate(TxRate { min: 10, max: 50 });
    let mut case = Case::new(1, wants(&[rate]));
    case.plans(&["VF 0 max_tx_rate 50"]);
    case.reports(&[(ProblemKind::Unsupported, None)]);
    case.vf(0).settings.tx_rate = Some(TxRate { min: 0, max: 50 });
    case.plans(&[]);
    case.reports(&[(ProblemKind::Unsupported, None)]);
}

#[test]
fn plan_sets_a_rate_only_with_a_link_and_takes_one_away_without() {
    let rate = VfSetting::TxRate(TxRate { min: 0, max: 50 });
    let mut case = Case::new(1, wants(&[rate]));
    case.interface().carrier = false;
    case.plans(&[]);
    case.reports(&[(ProblemKind::Awaits, None)]);
    let mut case = Case::new(1, wants(&[VfSetting::TxRate(TxRate::default())]));
    case.vf(0).settings.set(rate);
    case.interface().carrier = false;
    case.plans(&["VF 0 max_tx_rate 0"]);
}

#[test]
fn plan_waits_for_the_interface_through_which_attributes_are_set() {
    let mut case = Case::new(1, wants(&[VfSetting::Trust(true)]));
    case.pf.interface = None;
    case.plans(&[]);
    case.reports(&[(ProblemKind::Awaits, None)]);
}

#[test]
fn plan_sets_the_mtu_of_vfs_that_have_a_netdev() {
    let mut case = Case::new(2, |policy| policy.mtu = Some(mtu(9000)));
    case.interface().mtu = mtu(9000);
    case.vf(1).interface = None;
    case.plans(&["VF 0 mtu 9000"]);
}

#[test]
fn plan_sets_the_mtu_of_a_netdev_after_its_driver_made_it() {
    let mut case = Case::new(1, |policy| {
        fixed(policy);
        policy.mtu = Some(mtu(9000));
    });
    case.interface().mtu = mtu(9000);
    case.plans(&["VF 0 mac 02:00:00:00:00:01", "VF 0 driver default"]);
    with_fixed_mac(&mut case);
    case.plans(&["VF 0 mtu 9000"]);
}

#[test]
fn plan_ignores_vfs_that_are_to_go() {
    let mut case = Case::new(3, |policy| {
        count(1)(policy);
        wants(&[VfSetting::Trust(true)])(policy);
    });
    case.hold(2, blue());
    case.plans(&["VF 0 trust on"]);
}

#[test]
fn plan_tells_in_one_sentence_of_vfs_without_a_netdev() {
    let mut case = Case::new(5, |_| ());
    for vf in [0, 1, 2, 4] {
        case.vf(vf).interface = None;
        case.vf(vf).half_bound = vf != 4;
    }
    case.vf(2).half_bound = false;
    case.vf(2).interface_elsewhere = true;
    case.plans(&[]);
    case.reports(&[(ProblemKind::Failed, None), (ProblemKind::Awaits, None)]);
    let problems = case.plan().problems;
    assert!(problems[0].reason.contains("VF 0-1;"), "{problems:?}");
    assert!(problems[1].reason.contains("VF 4 "), "{problems:?}");
    case.policies[0].device_type = vfio();
    case.reports(&[]);
}

#[test]
fn plan_says_that_the_device_plugin_leaves_out_vfs_without_rdma() {
    let rdma = |policy: &mut Policy| {
        policy.is_rdma = true;
        policy.resource = Some("nics".parse().unwrap());
    };
    let limited = [(ProblemKind::Unsupported, None)];
    let mut case = Case::new(2, rdma);
    case.plans(&[]);
    case.reports(&limited);
    let reason = "VF 0-1 has no RDMA device";
    assert!(case.plan().problems[0].reason.starts_with(reason));
    case.vf(0).rdma = vec!["mlx5_2".to_owned()];
    case.reports(&limited);
    // Allocated to a container.
    case.vf(1).interface = None;
    case.vf(1).interface_elsewhere = true;
    case.reports(&[]);
    let unnamed = |policy: &mut Policy| policy.is_rdma = true;
    Case::new(2, unnamed).reports(&[]);
}
