//! What is undone when policies change or go, and what is not.

use super::*;
use crate::policy::{OnRemoval, PfNamePattern};

#[test]
fn a_pf_that_no_policy_names_any_more_is_as_it_was() {
    let large = |policy: &mut Policy| {
        dataplane(policy);
        policy.mtu = Some(mtu(9000));
    };
    let mut agent = agent(DriverModel::IGB, vec![policy("a", large)]);
    agent.host.edit(pf(), |pf| pf.snapshot.autoprobe = false);
    let before = seen(&agent);
    converge(&mut agent);
    agent.policies = set(Vec::new());
    converge(&mut agent);
    let after = seen(&agent);
    assert_eq!(after, before);
    assert_eq!(agent.ledger.memory().pfs.len(), 0);
}

#[test]
fn a_reset_undoes_only_what_is_ours() {
    let tag = |policy: &mut Policy| {
        policy.settings.vlan = Some(vlan(100));
        policy.settings.spoof_check = Some(false);
        policy.device_type = DeviceType::Driver(vfio());
    };
    let mut agent = agent(DriverModel::IGB, vec![policy("a", tag)]);
    agent.host.set_num_vfs_by_hand(pf(), 3);
    let by_hand = [
        VfSetting::Trust(true),
        VfSetting::Vlan(vlan(5)),
        VfSetting::SpoofCheck(true),
    ];
    for setting in by_hand {
        agent.host.set_vf_setting(pf(), VfIndex(1), setting);
    }
    let before = vf(&agent, 1).settings;
    converge(&mut agent);
    assert_eq!(drivers(&agent), ["vfio-pci"; 3]);
    agent.policies = set(Vec::new());
    converge(&mut agent);
    assert_eq!(seen(&agent).num_vfs, 3);
    assert_eq!(vf(&agent, 1).settings, before);
    assert_eq!(drivers(&agent), ["igbvf"; 3]);
}

#[test]
fn a_reset_leaves_autoprobe_as_the_administrator_had_it() {
    let driver = |policy: &mut Policy| policy.device_type = DeviceType::Driver(vfio());
    let mut agent = agent(DriverModel::IGB, vec![policy("a", driver)]);
    agent.host.set_num_vfs_by_hand(pf(), 2);
    agent.host.edit(pf(), |pf| pf.snapshot.autoprobe = false);
    converge(&mut agent);
    agent.policies = set(Vec::new());
    converge(&mut agent);
    assert_eq!(drivers(&agent), ["igbvf"; 2]);
    assert!(!seen(&agent).autoprobe);
}

#[test]
fn vfs_that_we_did_not_make_outlive_their_policy() {
    let mut agent = agent(DriverModel::IGB, vec![policy("a", count(3))]);
    agent.host.set_num_vfs_by_hand(pf(), 3);
    converge(&mut agent);
    agent.policies = set(Vec::new());
    converge(&mut agent);
    assert_eq!(seen(&agent).num_vfs, 3);
}

#[test]
fn vfs_handed_over_to_somebody_else_outlive_their_policy() {
    let mut agent = agent(DriverModel::IGB, vec![policy("a", dataplane)]);
    converge(&mut agent);
    edit(&mut agent, |policy| policy.external = Some(true));
    converge(&mut agent);
    agent.policies = set(Vec::new());
    converge(&mut agent);
    assert_eq!(seen(&agent).num_vfs, 4);
    assert_eq!(vf(&agent, 1).settings.vlan, Some(Vlan::NONE));
}

#[test]
fn keep_leaves_everything_and_forgets_it() {
    let keep = |policy: &mut Policy| {
        dataplane(policy);
        policy.on_removal = OnRemoval::Keep;
    };
    let mut agent = agent(DriverModel::IGB, vec![policy("a", keep)]);
    converge(&mut agent);
    let before = seen(&agent);
    agent.policies = set(Vec::new());
    converge(&mut agent);
    assert_eq!(seen(&agent), before);
    assert_eq!(agent.ledger.memory().pfs.len(), 0);
}

#[test]
fn a_pf_that_was_never_named_is_never_touched() {
    let mut agent = agent(DriverModel::IGB, Vec::new());
    agent.host.set_num_vfs_by_hand(pf(), 3);
    agent
        .host
        .set_vf_setting(pf(), VfIndex(1), VfSetting::Vlan(vlan(5)));
    assert_settled(&mut agent);
}

#[test]
fn an_attribute_that_leaves_the_policy_goes_back() {
    let all = |policy: &mut Policy| {
        dataplane(policy);
        policy.mtu = Some(mtu(9000));
        policy.settings.tx_rate = Some(TxRate { min: 0, max: 50 });
    };
    let mut agent = agent(DriverModel::IGB, vec![policy("a", all)]);
    converge(&mut agent);
    assert_eq!(vf(&agent, 2).interface.unwrap().mtu, mtu(9000));
    edit(&mut agent, |policy| {
        policy.settings = crate::model::VfSettings::default();
        policy.mtu = None;
    });
    converge(&mut agent);
    let back = vf(&agent, 2);
    assert_eq!(back.settings.vlan, Some(Vlan::NONE));
    assert_eq!(back.settings.trust, Some(false));
    assert_eq!(back.settings.spoof_check, Some(true));
    assert_eq!(back.settings.tx_rate, Some(TxRate::default()));
    assert_eq!(back.interface.unwrap().mtu, Mtu::ETHERNET);
    assert_eq!(seen(&agent).interface.unwrap().mtu, Mtu::ETHERNET);
    assert_eq!(seen(&agent).num_vfs, 4);
}

#[test]
fn an_mtu_is_raised_for_the_vfs_and_never_lowered_below_what_it_was() {
    let wants = |size: u32| move |policy: &mut Policy| policy.mtu = Some(mtu(size));
    let mut agent = agent(DriverModel::IGB, vec![policy("a", wants(2000))]);
    agent.host.set_pf_mtu(pf(), mtu(4000));
    converge(&mut agent);
    let pf_mtu = |agent: &SimAgent| seen(agent).interface.unwrap().mtu.get();
    assert_eq!(pf_mtu(&agent), 4000);
    edit(&mut agent, wants(9000));
    converge(&mut agent);
    assert_eq!(pf_mtu(&agent), 9000);
    edit(&mut agent, wants(2000));
    converge(&mut agent);
    assert_eq!(pf_mtu(&agent), 4000);
}

#[test]
fn a_driver_that_leaves_the_policy_goes_back() {
    let driver = |policy: &mut Policy| {
        policy.num_vfs = Some(NumVfs::Count(2));
        policy.device_type = DeviceType::Driver(vfio());
    };
    let mut agent = agent(DriverModel::IGB, vec![policy("a", driver)]);
    converge(&mut agent);
    edit(&mut agent, |policy| policy.vfs = "0".parse().ok());
    converge(&mut agent);
    assert_eq!(drivers(&agent), ["vfio-pci", "igbvf"]);
    assert_eq!(vf(&agent, 1).driver_override, None);
}

#[test]
fn a_pf_whose_netdev_is_out_of_sight_is_not_one_that_no_policy_names() {
    let named = |policy: &mut Policy| {
        dataplane(policy);
        let glob = "ens1".to_owned();
        policy.matches.pf_name = vec![PfNamePattern { glob, vfs: None }];
    };
    let weaker = |policy: &mut Policy| {
        policy.num_vfs = Some(NumVfs::Count(2));
        policy.priority = 99;
    };
    for others in [vec![], vec![policy("weaker", weaker)]] {
        let mut policies = vec![policy("a", named)];
        policies[0].priority = 10;
        policies.extend(others);
        let mut agent = agent(DriverModel::IGB, policies);
        converge(&mut agent);
        let interface = seen(&agent).interface;
        agent.host.edit(pf(), |pf| pf.snapshot.interface = None);
        assert_eq!(kinds(&agent.pass(pf())), [(ProblemKind::Awaits, None)]);
        assert_eq!(seen(&agent).num_vfs, 4);
        agent
            .host
            .edit(pf(), |pf| pf.snapshot.interface = interface);
        assert_settled(&mut agent);
        agent.policies = set(Vec::new());
        agent.pass(pf());
        assert_eq!(seen(&agent).num_vfs, 0, "it was still remembered");
    }
}

#[test]
fn another_nic_in_the_same_slot_is_another_pf() {
    let mut agent = agent(DriverModel::IGB, vec![policy("a", count(4))]);
    converge(&mut agent);
    agent.host.unplug(pf());
    let mut other = SimPf::new(pf(), DriverModel::IGB);
    let interface = other.snapshot.interface.as_mut().unwrap();
    interface.permanent_mac = MacAddress([0x52, 0x54, 0, 0, 9, 9]);
    agent.host.plug(other);
    agent.host.set_num_vfs_by_hand(pf(), 2);
    agent.policies = set(Vec::new());
    converge(&mut agent);
    assert_eq!(seen(&agent).num_vfs, 2);
}

#[test]
fn a_nic_that_was_first_seen_without_its_netdev_is_known_by_it_later() {
    let mut agent = agent(DriverModel::IGB, vec![policy("a", count(4))]);
    let interface = seen(&agent).interface;
    agent.host.edit(pf(), |pf| pf.snapshot.interface = None);
    agent.pass(pf());
    agent
        .host
        .edit(pf(), |pf| pf.snapshot.interface = interface);
    converge(&mut agent);
    let owned = agent.ledger.memory().pfs[&pf()].clone();
    assert_eq!(owned.permanent_mac, seen(&agent).permanent_mac());
}

fn drift() -> [VfSetting; 5] {
    [
        VfSetting::Trust(true),
        VfSetting::Vlan(vlan(7)),
        VfSetting::SpoofCheck(false),
        VfSetting::TxRate(TxRate { min: 0, max: 30 }),
        VfSetting::LinkState(LinkState::Disable),
    ]
}

/// A policy that asks for what new VFs have.
fn usual(policy: &mut Policy) {
    policy.num_vfs = Some(NumVfs::Count(2));
    policy.settings.trust = Some(false);
    policy.settings.vlan = Some(Vlan::NONE);
    policy.settings.spoof_check = Some(true);
    policy.settings.tx_rate = Some(TxRate::default());
    policy.settings.link_state = Some(LinkState::Auto);
}

fn asks_no_more(policy: &mut Policy) {
    policy.settings = crate::model::VfSettings::default();
}

#[test]
fn what_drifted_is_not_what_was_before() {
    for (made_by_us, restarts) in [(true, false), (true, true), (false, false), (false, true)] {
        let mut agent = agent(DriverModel::I40E, vec![policy("a", usual)]);
        if !made_by_us {
            agent.host.set_num_vfs_by_hand(pf(), 2);
        }
        converge(&mut agent);
        let new = vf(&agent, 1).settings;
        for setting in drift() {
            agent.host.set_vf_setting(pf(), VfIndex(1), setting);
            if restarts {
                agent.restart();
            }
            converge(&mut agent);
        }
        assert_eq!(vf(&agent, 1).settings, new);
        edit(&mut agent, asks_no_more);
        converge(&mut agent);
        assert_eq!(vf(&agent, 1).settings, new, "{made_by_us} {restarts}");
        agent.policies = set(Vec::new());
        converge(&mut agent);
        let expected = if made_by_us { 0 } else { 2 };
        assert_eq!(seen(&agent).num_vfs, expected);
        assert_eq!(agent.ledger.memory().pfs.len(), 0);
    }
}

#[test]
fn what_was_set_before_a_policy_asked_for_it_is_not_what_a_new_vf_has() {
    let mut agent = agent(DriverModel::I40E, vec![policy("a", count(2))]);
    converge(&mut agent);
    let new = vf(&agent, 1).settings;
    // As a container's plugin leaves it that did not come to giving it back.
    for setting in drift() {
        agent.host.set_vf_setting(pf(), VfIndex(1), setting);
    }
    edit(&mut agent, |policy| {
        dataplane(policy);
        policy.num_vfs = Some(NumVfs::Count(2));
        policy.mac = MacChoice::Kernel;
        policy.settings.tx_rate = Some(TxRate { min: 0, max: 50 });
        policy.settings.link_state = Some(LinkState::Enable);
    });
    converge(&mut agent);
    assert_ne!(vf(&agent, 1).settings, new);
    edit(&mut agent, asks_no_more);
    converge(&mut agent);
    assert_eq!(vf(&agent, 1).settings, new);
}

#[test]
fn what_a_container_has_is_not_what_was_before() {
    let mut agent = agent(DriverModel::IGB, vec![policy("a", count(2))]);
    agent.host.set_num_vfs_by_hand(pf(), 2);
    converge(&mut agent);
    let new = vf(&agent, 1).settings;
    let netns = "/run/netns/pod".to_owned();
    agent
        .host
        .hold(pf(), VfIndex(1), Holder::CniAllocation { netns });
    for setting in [VfSetting::Trust(true), VfSetting::Vlan(vlan(7))] {
        agent.host.set_vf_setting(pf(), VfIndex(1), setting);
    }
    edit(&mut agent, |policy| {
        policy.settings.trust = Some(false);
        policy.settings.vlan = Some(vlan(100));
    });
    agent.pass(pf());
    agent.host.release(pf(), VfIndex(1));
    converge(&mut agent);
    assert_eq!(vf(&agent, 1).settings.vlan, Some(vlan(100)));
    edit(&mut agent, asks_no_more);
    converge(&mut agent);
    assert_eq!(vf(&agent, 1).settings, new);
}

#[test]
fn an_address_that_drifted_does_not_come_back() {
    let fixed = |policy: &mut Policy| policy.mac = MacChoice::Stable;
    let mut agent = agent(DriverModel::IGB, vec![policy("a", fixed)]);
    agent.host.set_num_vfs_by_hand(pf(), 1);
    converge(&mut agent);
    // Another sriovd of which nothing is known any more has set it.
    agent.ledger = crate::sim::MemoryLedger::default();
    converge(&mut agent);
    let by_hand = MacAddress([2, 0, 0, 0, 0, 9]);
    agent
        .host
        .set_vf_setting(pf(), VfIndex(0), VfSetting::Mac(by_hand));
    converge(&mut agent);
    edit(&mut agent, |policy| policy.mac = MacChoice::Kernel);
    converge(&mut agent);
    assert_ne!(vf(&agent, 0).settings.mac, Some(by_hand));
}
