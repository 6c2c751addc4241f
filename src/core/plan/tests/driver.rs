//! Which driver a VF has, and whose affair it is.

use super::*;

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
fn plan_binds_a_new_vf_again_whose_first_driver_missed_its_address_unless_it_is_in_use() {
    let mut case = Case::new(1, fixed);
    case.policies[0].device_type = DeviceType::Any;
    with_our_mac(&mut case, MacAddress::ZERO);
    case.vf(0).interface.as_mut().unwrap().mac = mac(9);
    case.plans(&[]);
    case.owned.as_mut().unwrap().unprobed = [VfIndex(0)].into();
    case.plans(&["VF 0 driver default"]);
    case.hold(0, blue());
    case.plans(&[]);
    case.reports(&[(ProblemKind::InUse, Some(0))]);
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
    case.block(Step::Pf(PfStep::SetAutoprobe { on: true }));
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
