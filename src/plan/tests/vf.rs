//! Single VFs.

use super::*;

fn wants(settings: &[VfSetting]) -> impl FnOnce(&mut Policy) {
    move |policy| {
        settings
            .iter()
            .for_each(|&setting| policy.settings.set(setting));
    }
}

fn fixed(policy: &mut Policy) {
    policy.mac = MacChoice::Fixed(mac(1));
}

/// As after `fixed` was done.
fn with_fixed_mac(case: &mut Case) {
    case.vf(0).settings.mac = Some(mac(1));
    case.vf(0).interface.as_mut().unwrap().mac = mac(1);
}

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
fn plan_configures_an_unbound_vf_before_it_is_bound() {
    let mut case = Case::new(1, |policy| {
        wants(&[VfSetting::Trust(true), VfSetting::Vlan(vlan(5))])(policy);
        fixed(policy);
    });
    case.vf(0).driver = None;
    case.vf(0).interface = None;
    case.pf.holders = None;
    case.plans(&[
        "VF 0 trust on",
        "VF 0 mac 02:00:00:00:00:01",
        "VF 0 vlan 5",
        "VF 0 driver default",
    ]);
}

#[test]
fn plan_binds_the_driver_of_the_device_type() {
    let mut case = Case::new(1, |policy| policy.device_type = vfio());
    case.plans(&["VF 0 driver vfio-pci"]);
    case.vf(0).driver = "vfio-pci".parse().ok();
    case.vf(0).interface = None;
    case.plans(&[]);
    case.policies[0].device_type = DeviceType::Netdevice;
    case.policies[0].names_driver = true;
    case.plans(&["VF 0 driver default"]);
}

#[test]
fn plan_takes_a_vf_back_from_a_driver_only_where_the_policy_names_one() {
    let mut case = Case::new(2, wants(&[VfSetting::Vlan(vlan(5))]));
    for (vf, driver) in [(0, "igbvf"), (1, "vfio-pci")] {
        case.vf(vf).driver = driver.parse().ok();
        case.vf(vf).driver_override = "vfio-pci".parse().ok();
    }
    let attributes = ["VF 0 vlan 5", "VF 1 vlan 5"];
    case.plans(&attributes);
    case.reports(&[
        (ProblemKind::OfOthers, Some(0)),
        (ProblemKind::OfOthers, Some(1)),
    ]);
    // Also where it was bound by other means than an override.
    case.vf(1).driver_override = None;
    case.plans(&attributes);
    case.policies[0].names_driver = true;
    case.plans(&[
        attributes[0],
        "VF 0 driver default",
        attributes[1],
        "VF 1 driver default",
    ]);
    // Our own work is undone.
    case.policies[0].names_driver = false;
    let ours = owned::OwnedVf {
        driver: true,
        ..Default::default()
    };
    case.owned = Some(OwnedPf {
        vfs: [(VfIndex(1), ours)].into(),
        ..OwnedPf::default()
    });
    case.plans(&[attributes[0], attributes[1], "VF 1 driver default"]);
}

#[test]
fn plan_leaves_a_vf_between_two_drivers_to_whoever_is_at_it() {
    let mut case = Case::new(2, |_| ());
    for vf in [0, 1] {
        case.vf(vf).driver = None;
        case.vf(vf).interface = None;
    }
    case.blocked.wait_for_drivers(Some([VfIndex(1)].into()));
    case.plans(&["VF 1 driver default"]);
    case.reports(&[(ProblemKind::Awaits, Some(0))]);
    // New VFs have had none to lose.
    case.owned = Some(OwnedPf {
        unprobed: [VfIndex(0)].into(),
        ..OwnedPf::default()
    });
    case.plans(&["VF 0 driver default", "VF 1 driver default"]);
    case.owned = None;
    case.policies[0].names_driver = true;
    case.plans(&["VF 0 driver default", "VF 1 driver default"]);
    case.policies[0].names_driver = false;
    case.blocked.wait_for_drivers(None);
    case.plans(&["VF 0 driver default", "VF 1 driver default"]);
}

#[test]
fn plan_undoes_an_address_of_a_vf_with_anothers_driver_without_binding_it() {
    let mut case = Case::new(1, |_| ());
    with_our_mac(&mut case, mac(9));
    case.policies.clear();
    case.vf(0).driver_override = "igbvf".parse().ok();
    case.plans(&["VF 0 mac 02:00:00:00:00:09"]);
}

#[test]
fn plan_keeps_the_driver_that_somebody_gave_an_unclaimed_vf() {
    let mut case = Case::new(2, |policy| policy.vfs = "0".parse().ok());
    case.vf(1).driver = "vfio-pci".parse().ok();
    case.vf(1).driver_override = "vfio-pci".parse().ok();
    case.plans(&[]);
    case.vf(1).driver = None;
    case.plans(&[]);
}

#[test]
fn plan_lets_unclaimed_vfs_that_it_made_meet_their_driver() {
    let mut case = Case::new(2, |policy| policy.vfs = "0".parse().ok());
    case.vf(1).driver = None;
    case.owned = Some(OwnedPf {
        created_vfs: true,
        ..OwnedPf::default()
    });
    case.plans(&[]);
    case.owned.as_mut().unwrap().unprobed = [VfIndex(1)].into();
    case.plans(&["VF 1 driver default"]);
    case.pf.autoprobe = false;
    case.plans(&[]);
    case.owned.as_mut().unwrap().autoprobe_before = Some(true);
    case.plans(&["sriov_drivers_autoprobe on", "VF 1 driver default"]);
}

#[test]
fn plan_leaves_every_driver_where_drivers_are_not_its_affair() {
    let mut case = Case::new(4, |policy| {
        policy.device_type = DeviceType::Any;
        wants(&[VfSetting::Vlan(vlan(5))])(policy);
    });
    case.vf(1).driver = "vfio-pci".parse().ok();
    case.vf(1).driver_override = "vfio-pci".parse().ok();
    for between_two in [2, 3] {
        case.vf(between_two).driver = None;
        case.vf(between_two).interface = None;
    }
    case.vf(3).driver_override = "vfio-pci".parse().ok();
    let attributes = [0, 1, 2, 3].map(|vf| format!("VF {vf} vlan 5"));
    case.plans(&attributes.each_ref().map(String::as_str));
    case.reports(&[]);
    // An address waits for whoever binds a driver next.
    let mut case = Case::new(1, |policy| {
        policy.device_type = DeviceType::Any;
        fixed(policy);
    });
    case.plans(&["VF 0 mac 02:00:00:00:00:01"]);
    case.vf(0).settings.mac = Some(mac(1));
    case.plans(&[]);
}

#[test]
fn plan_gives_new_vfs_their_first_driver_where_drivers_are_not_its_affair() {
    let mut case = Case::new(3, |policy| policy.device_type = DeviceType::Any);
    for vf in [0, 1, 2] {
        case.vf(vf).driver = None;
        case.vf(vf).interface = None;
    }
    case.vf(2).driver_override = "vfio-pci".parse().ok();
    case.pf.autoprobe = false;
    case.owned = Some(OwnedPf {
        created_vfs: true,
        autoprobe_before: Some(true),
        unprobed: [0, 2].map(VfIndex).into(),
        ..OwnedPf::default()
    });
    case.plans(&["sriov_drivers_autoprobe on", "VF 0 driver default"]);
    case.policies[0].driver_autoprobe = Some(false);
    case.plans(&[]);
}

#[test]
fn plan_has_autoprobe_on_while_default_drivers_are_bound() {
    let mut case = Case::new(2, |_| ());
    case.pf.autoprobe = false;
    case.vf(1).driver = None;
    case.plans(&["sriov_drivers_autoprobe on", "VF 1 driver default"]);
    // Switched on for the first of them, and the second is not bound yet.
    case.pf.autoprobe = true;
    case.owned = Some(OwnedPf {
        autoprobe_before: Some(false),
        ..OwnedPf::default()
    });
    case.plans(&["VF 1 driver default"]);
    case.vf(1).driver = "igbvf".parse().ok();
    case.plans(&["sriov_drivers_autoprobe off"]);
}

#[test]
fn plan_unbinds_nothing_where_autoprobe_cannot_be_switched_on() {
    let mut case = Case::new(1, |policy| policy.names_driver = true);
    case.pf.autoprobe = false;
    case.vf(0).driver_override = "igbvf".parse().ok();
    case.block(Step::SetAutoprobe { on: true });
    case.plans(&[]);
    case.reports(&[(ProblemKind::Failed, None)]);
}

#[test]
fn plan_leaves_vfs_without_driver_where_the_policy_says_so() {
    let mut case = Case::new(1, |policy| policy.driver_autoprobe = Some(false));
    case.pf.autoprobe = false;
    case.vf(0).driver = None;
    case.plans(&[]);
}

#[test]
fn plan_gives_a_bound_vf_its_mac_and_has_it_probed_again() {
    let case = Case::new(1, fixed);
    case.plans(&["VF 0 mac 02:00:00:00:00:01", "VF 0 driver default"]);
}

#[test]
fn plan_takes_trust_away_before_a_mac_and_gives_it_back_after() {
    let mut case = Case::new(1, |policy| {
        fixed(policy);
        wants(&[VfSetting::Trust(true)])(policy);
    });
    let mac_first = ["VF 0 mac 02:00:00:00:00:01", "VF 0 driver default"];
    case.plans(&mac_first);
    case.vf(0).settings.trust = Some(true);
    case.plans(&["VF 0 trust off", mac_first[0], mac_first[1]]);
    with_fixed_mac(&mut case);
    case.plans(&[]);
    case.vf(0).settings.trust = Some(false);
    case.plans(&["VF 0 trust on"]);
}

#[test]
fn plan_probes_a_trusted_vf_again_without_trust() {
    let mut case = Case::new(1, |policy| {
        fixed(policy);
        wants(&[VfSetting::Trust(true)])(policy);
    });
    case.vf(0).settings.mac = Some(mac(1));
    case.vf(0).settings.trust = Some(true);
    case.plans(&["VF 0 trust off", "VF 0 driver default"]);
}

#[test]
fn plan_does_not_probe_again_for_a_mac_that_the_pf_does_not_have() {
    let mut case = Case::new(1, fixed);
    case.lacks(&[Capability::Attribute(VfAttribute::Mac)]);
    case.plans(&[]);
    case.reports(&[(ProblemKind::Unsupported, None)]);
    let mut case = Case::new(1, |policy| {
        fixed(policy);
        wants(&[VfSetting::Trust(true)])(policy);
    });
    let interface = case.interface().index;
    let (vf, setting) = (VfIndex(0), VfSetting::Mac(mac(1)));
    case.block(Step::SetVf {
        interface,
        vf,
        setting,
    });
    case.plans(&["VF 0 trust on"]);
    case.reports(&[(ProblemKind::Failed, Some(0))]);
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
    case.hold(0, lent());
    case.plans(&["VF 1 vlan 5"]);
    case.reports(&[]);
}

#[test]
fn plan_tells_who_was_lent_a_vf_that_is_to_have_another_driver() {
    let mut case = Case::new(2, |policy| {
        wants(&[VfSetting::Vlan(vlan(5))])(policy);
        policy.device_type = vfio();
    });
    case.hold(0, lent());
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
fn plan_does_not_bind_a_lent_vf_again_for_its_address() {
    let mut case = Case::new(1, fixed);
    case.vf(0).settings.mac = Some(mac(1));
    case.plans(&["VF 0 driver default"]);
    case.hold(0, lent());
    case.plans(&[]);
    case.reports(&[]);
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

/// As after a policy gave VF 0 an address, on top of this one.
fn with_our_mac(case: &mut Case, before: MacAddress) {
    with_fixed_mac(case);
    let before = Some(VfSetting::Mac(before));
    let mine = owned::OwnedVf {
        settings: [(VfAttribute::Mac, before)].into(),
        mac: Some(mac(1)),
        ..Default::default()
    };
    case.owned = Some(OwnedPf {
        vfs: [(VfIndex(0), mine)].into(),
        ..OwnedPf::default()
    });
}

#[test]
fn plan_gives_a_vf_its_own_address_back_and_has_it_probed_again() {
    let mut case = Case::new(1, |_| ());
    with_our_mac(&mut case, MacAddress::ZERO);
    case.plans(&["VF 0 mac 00:00:00:00:00:00", "VF 0 driver default"]);
    // As after a crash between the two.
    case.vf(0).settings.mac = Some(MacAddress::ZERO);
    case.plans(&["VF 0 driver default"]);
    case.hold(0, blue());
    case.plans(&[]);
    case.reports(&[(ProblemKind::InUse, Some(0))]);
}

#[test]
fn plan_undoes_an_address_without_a_driver_or_policy_as_well() {
    let mut case = Case::new(1, |policy| policy.device_type = vfio());
    with_our_mac(&mut case, mac(9));
    case.vf(0).driver = "vfio-pci".parse().ok();
    case.vf(0).interface = None;
    case.plans(&["VF 0 mac 02:00:00:00:00:09"]);
    let mut case = Case::new(1, |_| ());
    with_our_mac(&mut case, mac(9));
    case.policies.clear();
    case.plans(&["VF 0 mac 02:00:00:00:00:09", "VF 0 driver default"]);
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
    // Lent to a container.
    case.vf(1).interface = None;
    case.vf(1).interface_elsewhere = true;
    case.reports(&[]);
    let unnamed = |policy: &mut Policy| policy.is_rdma = true;
    Case::new(2, unnamed).reports(&[]);
}
