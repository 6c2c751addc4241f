//! VFs come to be: in the right order, as many as wanted, configured before they are used.

use super::*;
use crate::policy::stable_mac::stable_mac;

#[test]
fn vfs_are_configured_before_their_driver_meets_them() {
    let mut agent = agent(DriverModel::IGB, vec![policy("a", dataplane)]);
    let steps = converge(&mut agent);
    assert_eq!(
        steps[..4],
        [
            "sriov_drivers_autoprobe off",
            "numvfs 0 -> 4",
            "sriov_drivers_autoprobe on",
            "PF up"
        ]
    );
    let binds = steps.iter().filter(|step| step.ends_with("driver default"));
    assert_eq!(binds.count(), 4, "each VF is probed once: {steps:#?}");
    let pf = seen(&agent);
    let own = pf.interface.as_ref().unwrap();
    for (&index, vf) in &pf.vfs {
        let mac = stable_mac(own.permanent_mac, index);
        assert_eq!(vf.settings.mac, Some(mac));
        assert_eq!(vf.interface.as_ref().unwrap().mac, mac);
        assert_eq!(vf.settings.trust, Some(true));
        assert_eq!(vf.settings.spoof_check, Some(false));
        assert_eq!(vf.settings.vlan, Some(vlan(100)));
    }
    assert!(pf.autoprobe && own.up);
}

#[test]
fn every_driver_converges() {
    for model in DriverModel::ALL {
        let name = model.name;
        let (reported, supported) = (model.reported, model.settable);
        let mut agent = agent(model, vec![policy("a", dataplane)]);
        let outcome = agent.pass(pf());
        let unsupported = |kind: &(ProblemKind, Option<u16>)| kind.0 == ProblemKind::Unsupported;
        assert!(
            kinds(&outcome).iter().all(unsupported),
            "{name}: {outcome:?}"
        );
        use VfAttribute::{Mac, SpoofCheck, Trust, Vlan};
        let asked = [Trust, Mac, Vlan, SpoofCheck];
        let has_all = asked.iter().all(|it| supported.contains(it));
        assert_eq!(kinds(&outcome).is_empty(), has_all, "{name}");
        assert_eq!(seen(&agent).num_vfs, 4, "{name}");
        assert_eq!(
            vf(&agent, 3).settings.trust,
            reported.contains(&Trust).then_some(true)
        );
        assert_settled(&mut agent);
    }
}

#[test]
fn a_policy_without_attributes_lets_the_kernel_probe() {
    let mut agent = agent(DriverModel::IGB, vec![policy("a", count(3))]);
    assert_eq!(converge(&mut agent), ["numvfs 0 -> 3", "PF up"]);
}

#[test]
fn a_driver_that_needs_its_pf_up_gets_it_up_first() {
    let mut agent = agent(DriverModel::BNXT, vec![policy("a", count(3))]);
    assert_eq!(converge(&mut agent), ["PF up", "numvfs 0 -> 3"]);
}

#[test]
fn as_many_as_the_device_offers() {
    let max = |policy: &mut Policy| policy.num_vfs = Some(NumVfs::Max);
    let mut agent = agent(DriverModel::IGB, vec![policy("a", max)]);
    converge(&mut agent);
    assert_eq!(seen(&agent).num_vfs, 7);
}

#[test]
fn growing_and_shrinking_go_through_zero() {
    let mut agent = agent(DriverModel::IGB, vec![policy("a", count(2))]);
    converge(&mut agent);
    edit(&mut agent, count(5));
    assert_eq!(converge(&mut agent), ["numvfs 2 -> 0", "numvfs 0 -> 5"]);
    edit(&mut agent, count(1));
    assert_eq!(converge(&mut agent), ["numvfs 5 -> 0", "numvfs 0 -> 1"]);
}

#[test]
fn drivers_are_mixed_by_shares() {
    let share = |vfs: &str, driver: Option<DriverName>| {
        let vfs = vfs.parse().unwrap();
        move |policy: &mut Policy| {
            policy.num_vfs = Some(NumVfs::Count(5));
            policy.vfs = Some(vfs);
            policy.device_type = driver.map_or(DeviceType::Netdevice, DeviceType::Driver);
        }
    };
    let policies = vec![
        policy("kernel", share("0-1", None)),
        policy("user", share("2-3", Some(vfio()))),
    ];
    let mut agent = agent(DriverModel::IGB, policies);
    converge(&mut agent);
    let mixed = ["igbvf", "igbvf", "vfio-pci", "vfio-pci", "igbvf"];
    assert_eq!(drivers(&agent), mixed);
    agent.policies.policies[0].device_type = DeviceType::Driver(vfio());
    agent.policies.policies[1].device_type = DeviceType::Netdevice;
    converge(&mut agent);
    let mixed = ["vfio-pci", "vfio-pci", "igbvf", "igbvf", "igbvf"];
    assert_eq!(drivers(&agent), mixed);
}

#[test]
fn without_autoprobe_vfs_stay_without_driver() {
    let off = |policy: &mut Policy| {
        policy.num_vfs = Some(NumVfs::Count(2));
        policy.driver_autoprobe = Some(false);
    };
    let mut agent = agent(DriverModel::IGB, vec![policy("a", off)]);
    converge(&mut agent);
    assert_eq!(drivers(&agent), ["-", "-"]);
    assert!(!seen(&agent).autoprobe);
    edit(&mut agent, |policy| policy.driver_autoprobe = None);
    converge(&mut agent);
    assert_eq!(drivers(&agent), ["igbvf", "igbvf"]);
    assert!(seen(&agent).autoprobe);
}

#[test]
fn autoprobe_that_the_administrator_switched_off_stays_off() {
    let mut agent = agent(DriverModel::IGB, vec![policy("a", dataplane)]);
    agent.host.edit(pf(), |pf| pf.snapshot.autoprobe = false);
    converge(&mut agent);
    assert_eq!(drivers(&agent), ["igbvf"; 4]);
    assert!(!seen(&agent).autoprobe);
    agent.host.unbind_vf(pf(), VfIndex(2));
    converge(&mut agent);
    assert_eq!(drivers(&agent), ["igbvf"; 4]);
    assert!(!seen(&agent).autoprobe);
}

#[test]
fn a_vf_that_no_policy_claims_is_left_to_whoever_unbound_it() {
    let share = |policy: &mut Policy| policy.vfs = "0".parse().ok();
    let mut agent = agent(DriverModel::IGB, vec![policy("a", share)]);
    agent.host.set_num_vfs_by_hand(pf(), 2);
    agent.host.unbind_vf(pf(), VfIndex(0));
    agent.host.unbind_vf(pf(), VfIndex(1));
    converge(&mut agent);
    assert_eq!(drivers(&agent), ["igbvf", "-"]);
}

#[test]
fn an_interface_is_not_touched_before_udev_named_it() {
    let named = |policy: &mut Policy| {
        dataplane(policy);
        let glob = "ens*".to_owned();
        policy.matches.pf_name = vec![crate::policy::PfNamePattern { glob, vfs: None }];
    };
    let mut agent = agent(DriverModel::IGB, vec![policy("a", named)]);
    agent.host.edit(pf(), |pf| {
        let interface = pf.snapshot.interface.as_mut().unwrap();
        interface.name = "eth0".parse().unwrap();
        interface.name_is_final = false;
    });
    assert_eq!(kinds(&agent.pass(pf())), [(ProblemKind::Awaits, None)]);
    assert_eq!(agent.host.take_attempts(), []);
    agent.host.finish_name(pf(), "ens9".parse().unwrap());
    converge(&mut agent);
    assert_eq!(seen(&agent).num_vfs, 4);
}

#[test]
fn vfs_come_before_the_name_where_no_policy_asks_for_it() {
    let mut agent = agent(DriverModel::IGB, vec![policy("a", count(4))]);
    agent.host.edit(pf(), |pf| {
        pf.snapshot.interface.as_mut().unwrap().name_is_final = false;
    });
    let outcome = agent.pass(pf());
    assert_eq!(done(&outcome), ["numvfs 0 -> 4"]);
    assert_eq!(kinds(&outcome), [(ProblemKind::Awaits, None)]);
    agent.host.finish_name(pf(), "ens9".parse().unwrap());
    assert_eq!(converge(&mut agent), ["PF up"]);
}

#[test]
fn vfs_of_somebody_else_are_configured_and_never_counted() {
    let external = |policy: &mut Policy| {
        dataplane(policy);
        policy.external = Some(true);
    };
    let mut agent = agent(DriverModel::IGB, vec![policy("a", external)]);
    converge(&mut agent);
    assert_eq!(seen(&agent).num_vfs, 0);
    agent.host.set_num_vfs_by_hand(pf(), 2);
    converge(&mut agent);
    assert_eq!(vf(&agent, 1).settings.vlan, Some(vlan(100)));
    agent.policies = set(Vec::new());
    converge(&mut agent);
    assert_eq!(seen(&agent).num_vfs, 2);
    assert_eq!(vf(&agent, 1).settings.vlan, Some(Vlan::NONE));
}

#[test]
fn drift_is_repaired() {
    let mut agent = agent(DriverModel::IGB, vec![policy("a", dataplane)]);
    converge(&mut agent);
    agent
        .host
        .set_vf_setting(pf(), VfIndex(1), VfSetting::Vlan(vlan(7)));
    agent
        .host
        .set_vf_setting(pf(), VfIndex(2), VfSetting::Trust(false));
    assert_eq!(converge(&mut agent), ["VF 1 vlan 100", "VF 2 trust on"]);
    agent.host.unbind_vf(pf(), VfIndex(3));
    assert_eq!(converge(&mut agent), ["VF 3 driver default"]);
    agent.host.set_num_vfs_by_hand(pf(), 6);
    converge(&mut agent);
    assert_eq!(seen(&agent).num_vfs, 4);
}

#[test]
fn a_pf_that_somebody_sets_down_stays_down_until_it_has_other_vfs() {
    let mut agent = agent(DriverModel::IGB, vec![policy("a", dataplane)]);
    assert!(converge(&mut agent).contains(&"PF up".to_owned()));
    agent.host.set_pf_up(pf(), false);
    agent.restart();
    let outcome = agent.pass(pf());
    assert_eq!(done(&outcome), [""; 0]);
    assert_eq!(kinds(&outcome), [(ProblemKind::PfDown, None)]);
    // What else differs is put back all the same.
    let other = VfSetting::Vlan(vlan(7));
    agent.host.set_vf_setting(pf(), VfIndex(1), other);
    assert_eq!(done(&agent.pass(pf())), ["VF 1 vlan 100"]);
    agent.policies = set(vec![policy("a", count(2))]);
    let done = converge(&mut agent);
    assert!(done.ends_with(&["PF up".to_owned()]), "{done:?}");
    assert!(seen(&agent).interface.unwrap().up);
}

#[test]
fn a_trusted_vf_gets_another_mac_and_its_trust_back() {
    let mut agent = agent(DriverModel::IGB, vec![policy("a", dataplane)]);
    converge(&mut agent);
    let mac = written_mac(2);
    edit(&mut agent, readdress);
    converge(&mut agent);
    let vf = vf(&agent, 2);
    assert_eq!(vf.interface.unwrap().mac, mac);
    assert_eq!(
        (vf.settings.mac, vf.settings.trust),
        (Some(mac), Some(true))
    );
}

#[test]
fn a_netdev_that_missed_its_mac_is_probed_again_once() {
    let mut agent = agent(DriverModel::IGB, vec![policy("a", dataplane)]);
    converge(&mut agent);
    let wanted = vf(&agent, 0).settings.mac;
    agent.host.edit(pf(), |pf| {
        let vf = pf.snapshot.vfs.get_mut(&VfIndex(0)).unwrap();
        vf.interface.as_mut().unwrap().mac = MacAddress([2, 0, 0, 0, 0, 1]);
    });
    let steps = converge(&mut agent);
    let binds = steps.iter().filter(|step| step.ends_with("driver default"));
    assert_eq!(binds.count(), 1, "{steps:?}");
    assert_eq!(vf(&agent, 0).settings.mac, wanted);
    assert_eq!(vf(&agent, 0).interface.map(|own| own.mac), wanted);
}

#[test]
fn a_rate_waits_for_the_link_and_is_set_again_when_the_driver_dropped_it() {
    let rate = TxRate { min: 0, max: 50 };
    let limited = |policy: &mut Policy| {
        policy.num_vfs = Some(NumVfs::Count(1));
        policy.settings.tx_rate = Some(rate);
    };
    let mut agent = agent(DriverModel::IGB, vec![policy("a", limited)]);
    agent.host.set_cable(pf(), None);
    assert_eq!(kinds(&agent.pass(pf())), [(ProblemKind::Awaits, None)]);
    assert_settled(&mut agent);
    agent.host.set_cable(pf(), Some(1000));
    assert_eq!(converge(&mut agent), ["VF 0 max_tx_rate 50"]);
    agent.host.set_cable(pf(), Some(100));
    assert_eq!(converge(&mut agent), ["VF 0 max_tx_rate 50"]);
}

#[test]
fn a_count_that_was_reached_is_changed_at_once() {
    let mut agent = agent(DriverModel::ICE, vec![policy("a", count(4))]);
    agent.pass(pf());
    edit(&mut agent, count(2));
    agent.pass(pf());
    assert_eq!(seen(&agent).num_vfs, 2);
}

#[test]
fn vfs_that_go_with_their_nic_are_no_fault_of_its_driver() {
    let made = [Step::Pf(PfStep::SetNumVfs { from: 0, to: 4 })];
    let agent = agent(DriverModel::ICE, vec![policy("a", count(4))]);
    agent.host.set_num_vfs_by_hand(pf(), 4);
    assert!(other_count(&made, &[], &seen(&agent)).is_none());
    agent.host.lose_vfs_from(pf(), VfIndex(3));
    assert!(other_count(&made, &[], &seen(&agent)).is_none());
    agent.host.set_num_vfs_by_hand(pf(), 3);
    assert!(other_count(&made, &[], &seen(&agent)).is_some());
}
