//! VFs in use: left alone, named, and seen to as soon as they are free.

use super::*;
use crate::model::BindTarget;
use crate::policy::Disruption;

#[test]
fn a_count_is_not_changed_under_a_vf_in_use_and_changes_when_it_is_released() {
    let mut agent = created(vec![policy("a", count(4))]);
    agent.host.hold(pf(), VfIndex(3), blue());
    edit(&mut agent, |policy| {
        policy.num_vfs = Some(NumVfs::Count(2));
        policy.settings.vlan = Some(vlan(7));
    });
    let outcome = agent.pass(pf());
    assert_eq!(kinds(&outcome), [(ProblemKind::InUse, None)]);
    assert!(
        problems(&outcome)[0]
            .reason
            .contains("VF 3 is in use by network namespace blue")
    );
    assert_eq!(seen(&agent).num_vfs, 4);
    assert_eq!(
        vf(&agent, 1).settings.vlan,
        Some(vlan(7)),
        "the rest goes on"
    );
    assert_settled(&mut agent);
    agent.host.release(pf(), VfIndex(3));
    converge(&mut agent);
    assert_eq!(seen(&agent).num_vfs, 2);
    assert_eq!(agent.host.violations(), []);
}

#[test]
fn force_takes_a_vf_from_its_user() {
    let mut agent = created(vec![policy("a", count(4))]);
    agent.host.hold(pf(), VfIndex(3), blue());
    edit(&mut agent, count(2));
    let outcome = agent.pass_with(pf(), &crate::sim::Quiet, true);
    assert_eq!(seen(&agent).num_vfs, 2);
    assert_eq!(agent.host.violations().len(), 1);
    let lost = Taken::from([(VfIndex(3), BTreeSet::from([blue()]))]);
    assert_eq!(outcome.taken, lost);
}

#[test]
fn disruption_never_is_kept_until_forced() {
    let mut agent = created(vec![policy("a", count(4))]);
    edit(&mut agent, |policy| {
        policy.num_vfs = Some(NumVfs::Count(2));
        policy.disruption = Disruption::Never;
    });
    let forbidden = [(ProblemKind::DisruptionForbidden, None)];
    assert_eq!(kinds(&agent.pass(pf())), forbidden);
    agent.pass_with(pf(), &crate::sim::Quiet, true);
    assert_eq!(seen(&agent).num_vfs, 2);
}

#[test]
fn a_driver_is_not_changed_under_a_user() {
    let mut agent = created(vec![policy("a", count(3))]);
    let name = Some("blue".to_owned());
    agent
        .host
        .hold(pf(), VfIndex(1), Holder::Namespace { name });
    edit(&mut agent, |policy| {
        policy.device_type = DeviceType::Driver(vfio());
    });
    assert_eq!(kinds(&agent.pass(pf())), [(ProblemKind::InUse, Some(1))]);
    assert_eq!(drivers(&agent), ["vfio-pci", "igbvf", "vfio-pci"]);
    agent.host.release(pf(), VfIndex(1));
    assert_eq!(converge(&mut agent), ["VF 1 driver vfio-pci"]);
}

#[test]
fn a_mac_is_not_changed_under_a_user_and_neither_is_his_trust() {
    let mut agent = created(vec![policy("a", dataplane)]);
    agent.host.hold(pf(), VfIndex(1), blue());
    let mac = written_mac(1);
    let before = vf(&agent, 1);
    edit(&mut agent, readdress);
    assert_eq!(kinds(&agent.pass(pf())), [(ProblemKind::InUse, Some(1))]);
    assert_eq!(vf(&agent, 1), before);
    assert_settled(&mut agent);
    agent.host.release(pf(), VfIndex(1));
    converge(&mut agent);
    assert_eq!(vf(&agent, 1).settings.mac, Some(mac));
    assert_eq!(vf(&agent, 1).settings.trust, Some(true));
}

#[test]
fn a_vf_lent_by_cni_keeps_what_the_plugin_set() {
    let mut agent = created(vec![policy("a", dataplane)]);
    let netns = "/run/netns/pod".to_owned();
    agent
        .host
        .hold(pf(), VfIndex(2), Holder::CniAllocation { netns });
    let allocated = VfSetting::Vlan(vlan(7));
    agent.host.set_vf_setting(pf(), VfIndex(2), allocated);
    assert_settled(&mut agent);
    assert_eq!(vf(&agent, 2).settings.vlan, Some(vlan(7)));
    agent.host.release(pf(), VfIndex(2));
    assert_eq!(converge(&mut agent), ["VF 2 vlan 100"]);
}

#[test]
fn a_reset_waits_for_the_users_too() {
    let mut agent = created(vec![policy("a", dataplane)]);
    agent.host.hold(pf(), VfIndex(0), blue());
    agent.policies = set(Vec::new());
    assert_eq!(kinds(&agent.pass(pf())), [(ProblemKind::InUse, None)]);
    assert_eq!(seen(&agent).num_vfs, 4);
    agent.host.release(pf(), VfIndex(0));
    converge(&mut agent);
    assert_eq!(seen(&agent).num_vfs, 0);
    assert_eq!(agent.host.violations(), []);
}

#[test]
fn only_who_needs_to_know_looks_for_holders() {
    let mut agent = created(vec![policy("a", dataplane)]);
    // Would be refused, if it were asked for.
    agent.host.hold(pf(), VfIndex(0), blue());
    assert_settled(&mut agent);
    let plain = agent.host.observe(pf(), Look::Plain).unwrap().unwrap();
    assert_eq!(plain.holders, None);
}

#[test]
fn only_what_was_done_took_something() {
    let by = BTreeSet::from([Holder::UserspaceDevice]);
    let planned: Taken = [0, 1].map(|vf| (VfIndex(vf), by.clone())).into();
    let taken = |done: &[Step]| -> Vec<u16> {
        taken_by(done, planned.clone())
            .map(|(vf, _)| vf.0)
            .collect()
    };
    let bind = Step::Vf(
        VfIndex(1),
        VfStep::Bind {
            address: at("0000:01:10.1"),
            from: Some("igbvf".parse().unwrap()),
            to: BindTarget::Default,
        },
    );
    assert_eq!(taken(&[]), [0u16; 0]);
    assert_eq!(taken(&[bind]), [1]);
    assert_eq!(
        taken(&[Step::Pf(PfStep::SetNumVfs { from: 2, to: 0 })]),
        [0, 1]
    );
    assert_eq!(
        taken(&[Step::Pf(PfStep::SetAutoprobe { on: true })]),
        [0u16; 0]
    );
}

#[test]
fn a_vf_that_was_lent_meanwhile_is_changed_only_by_who_may_take_it() {
    let may_take = |disruption, force| {
        let mut agent = created(vec![policy("a", count(4))]);
        agent.host.hold(pf(), VfIndex(3), blue());
        edit(&mut agent, |policy| {
            policy.settings.vlan = Some(vlan(7));
            policy.device_type = DeviceType::Driver(vfio());
            policy.disruption = disruption;
        });
        agent.host.take_attempts();
        agent.pass_with(pf(), &crate::sim::Quiet, force);
        let attempts = agent.host.take_attempts();
        let may_take = attempts.iter().map(|attempt| attempt.action.though_in_use);
        may_take.collect::<BTreeSet<bool>>()
    };
    let (never, always) = (BTreeSet::from([false]), BTreeSet::from([true]));
    assert_eq!(may_take(Disruption::WhenUnused, false), never);
    assert_eq!(may_take(Disruption::WhenUnused, true), always);
    assert!(may_take(Disruption::Always, false).contains(&true));
}

#[test]
fn who_shows_only_when_the_vf_is_about_to_be_taken_is_named_like_others() {
    let mut agent = created(vec![policy("a", |policy| {
        policy.num_vfs = Some(NumVfs::Count(4));
        policy.device_type = DeviceType::Driver(vfio());
    })]);
    agent.host.open_group(pf(), VfIndex(2));
    let group = vf(&agent, 2).iommu_group.unwrap();
    edit(&mut agent, count(3));
    for _ in 0..2 {
        let outcome = agent.pass(pf());
        assert_eq!(kinds(&outcome), [(ProblemKind::InUse, None)]);
        let reason = &problems(&outcome)[0].reason;
        let named = format!("VF 2 is in use by VFIO group {group} ");
        assert!(reason.contains(&named), "{reason}");
        assert!(!outcome.blocked.awaits_retry(), "its closing is an event");
        assert_eq!(done(&outcome), [""; 0]);
    }
    edit(&mut agent, |policy| {
        policy.num_vfs = Some(NumVfs::Count(4));
        policy.device_type = DeviceType::Netdevice;
        policy.names_driver = true;
    });
    let outcome = agent.pass(pf());
    assert_eq!(kinds(&outcome), [(ProblemKind::InUse, Some(2))]);
    assert_eq!(drivers(&agent), ["igbvf", "igbvf", "vfio-pci", "igbvf"]);
    agent.host.release(pf(), VfIndex(2));
    converge(&mut agent);
}

#[test]
fn autoprobe_is_switched_for_a_vf_that_somebody_has_only_by_who_may_take_it() {
    let may_take = |disruption, force| {
        let mut agent = created(vec![policy("a", |policy| {
            policy.num_vfs = Some(NumVfs::Count(1));
            policy.device_type = DeviceType::Driver(vfio());
        })]);
        agent.host.edit(pf(), |pf| pf.snapshot.autoprobe = false);
        agent.host.open_group(pf(), VfIndex(0));
        edit(&mut agent, |policy| {
            policy.device_type = DeviceType::Netdevice;
            policy.names_driver = true;
            policy.disruption = disruption;
        });
        agent.host.take_attempts();
        agent.pass_with(pf(), &crate::sim::Quiet, force);
        (agent.host.take_attempts().len(), drivers(&agent)[0].clone())
    };
    let stays = (0, "vfio-pci".to_owned());
    assert_eq!(may_take(Disruption::WhenUnused, false), stays);
    assert_eq!(may_take(Disruption::WhenUnused, true).1, "igbvf");
    assert_eq!(may_take(Disruption::Always, false).1, "igbvf");
}

/// It is distrusted to be bound, which comes to nothing.
#[test]
fn the_trust_of_a_vf_that_somebody_has_is_not_touched() {
    let mut agent = created(vec![policy("a", |policy| {
        policy.num_vfs = Some(NumVfs::Count(1));
        policy.settings.trust = Some(true);
        policy.mac = MacChoice::Stable;
        policy.names_driver = true;
    })]);
    agent.host.give_driver(pf(), VfIndex(0), vfio());
    agent.host.open_group(pf(), VfIndex(0));
    for _ in 0..2 {
        agent.host.take_attempts();
        assert_eq!(kinds(&agent.pass(pf())), [(ProblemKind::InUse, Some(0))]);
        assert_eq!(agent.host.take_attempts().len(), 0);
    }
}

/// A pass looks at the PF once for each round, however many VFs it binds.
#[test]
fn looks_do_not_grow_with_the_vfs_that_are_bound() {
    let looks_for = |vfs: u16| {
        let mut agent = agent(DriverModel::I40E, vec![policy("a", count(vfs))]);
        converge(&mut agent);
        edit(&mut agent, |policy| {
            policy.device_type = DeviceType::Driver(vfio());
        });
        agent.host.take_observed();
        let bound = agent.pass(pf()).performed.len();
        assert!(bound >= usize::from(vfs));
        agent.host.take_observed()
    };
    assert!(looks_for(2) <= 6);
    assert_eq!(looks_for(2), looks_for(60));
}
