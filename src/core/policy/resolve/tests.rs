//! Which policy wins, and what the winners add up to.

mod hold;
mod matching;

use super::*;
use crate::model::{LinkType, MacAddress, Mtu, PciId, VfIndex, VfSetting, VfSettings};
use crate::policy::stable_mac::stable_mac;
use crate::policy::{
    DeviceType, Disruption, MacChoice, NodeMatch, NumVfs, OnRemoval, PfNamePattern, VfOverride,
};
use crate::sim::{DriverModel, SimPf, sample};

fn pf() -> PfSnapshot {
    let address = "0000:01:00.0".parse().unwrap();
    let mut pf = SimPf::new(address, DriverModel::IGB).snapshot;
    pf.interface
        .as_mut()
        .unwrap()
        .altnames
        .insert("uplink0".to_owned());
    pf
}

fn policy(name: &str, fill: impl FnOnce(&mut Policy)) -> Policy {
    let mut policy = sample::policy(name.parse().unwrap());
    fill(&mut policy);
    policy
}

fn share(vfs: &str) -> impl FnOnce(&mut Policy) {
    let vfs = vfs.parse().ok();
    move |policy| policy.vfs = vfs
}

fn named(glob: &str) -> Vec<PfNamePattern> {
    let (glob, vfs) = (glob.to_owned(), None);
    vec![PfNamePattern { glob, vfs }]
}

fn node() -> Node {
    Node {
        hostname: "edge-7".to_owned(),
        labels: [("rack".to_owned(), "b2".to_owned())].into(),
        ..Node::default()
    }
}

fn resolved(policies: Vec<Policy>, pf: &PfSnapshot) -> Resolution {
    let set = PolicySet {
        policies,
        ..PolicySet::default()
    };
    resolve(&set, &node(), pf)
}

#[track_caller]
fn desired(policies: Vec<Policy>, pf: &PfSnapshot) -> DesiredPf {
    match resolved(policies, pf) {
        Resolution::Desired(desired) => *desired,
        other => panic!("{other:?}"),
    }
}

fn winners(desired: &DesiredPf) -> Vec<&str> {
    let claims = desired.policies.iter();
    claims.map(|claim| claim.policy.as_str()).collect()
}

fn losers(desired: &DesiredPf) -> Vec<(&str, &str)> {
    let shadowed = desired.shadowed.iter();
    shadowed
        .map(|shadowed| (shadowed.policy.as_str(), shadowed.by.as_str()))
        .collect()
}

#[test]
fn a_lower_number_is_stronger() {
    let policies = vec![
        policy("weak", |policy| policy.priority = 20),
        policy("strong", |policy| policy.priority = 10),
        policy("weakest", |_| ()),
    ];
    let desired = desired(policies, &pf());
    assert_eq!(winners(&desired), ["strong"]);
    assert_eq!(
        losers(&desired),
        [("weak", "strong"), ("weakest", "strong")]
    );
}

#[test]
fn of_equal_priority_the_later_is_stronger() {
    let desired = desired(vec![policy("first", |_| ()), policy("last", |_| ())], &pf());
    assert_eq!(winners(&desired), ["last"]);
    assert_eq!(losers(&desired), [("first", "last")]);
}

#[test]
fn disjoint_shares_combine() {
    let policies = vec![
        policy("low", share("0-1")),
        policy("odd", share("3,5")),
        policy("overlapping", |policy| {
            share("1-2")(policy);
            policy.priority = 99;
        }),
    ];
    let mut policies = policies;
    policies.rotate_right(1);
    let desired = desired(policies, &pf());
    assert_eq!(winners(&desired), ["odd", "low"]);
    assert_eq!(losers(&desired), [("overlapping", "low")]);
}

#[test]
fn a_policy_without_share_claims_the_whole_pf() {
    let whole_first = vec![policy("share", share("6")), policy("whole", |_| ())];
    assert_eq!(winners(&desired(whole_first, &pf())), ["whole"]);
    let share_first = vec![policy("whole", |_| ()), policy("share", share("6"))];
    let desired = desired(share_first, &pf());
    assert_eq!(winners(&desired), ["share"]);
    assert_eq!(losers(&desired), [("whole", "share")], "as a whole");
}

#[test]
fn a_shadowed_policy_adds_nothing() {
    let wants = |policy: &mut Policy| {
        policy.num_vfs = Some(NumVfs::Max);
        policy.mtu = Some(9000.try_into().unwrap());
        policy.driver_autoprobe = Some(false);
    };
    let policies = vec![policy("loser", wants), policy("winner", |_| ())];
    let desired = desired(policies, &pf());
    assert_eq!(desired.num_vfs, None);
    assert_eq!(desired.mtu, None);
    assert_eq!(desired.driver_autoprobe, None);
}

#[test]
fn counts_and_mtus_of_the_winners_are_their_maximum() {
    let wants = |vfs: &str, count: NumVfs, mtu: Option<u32>| {
        let vfs = vfs.parse().ok();
        move |policy: &mut Policy| {
            policy.vfs = vfs;
            policy.num_vfs = Some(count);
            policy.mtu = mtu.map(|mtu| mtu.try_into().unwrap());
        }
    };
    let policies = vec![
        policy("a", wants("0", NumVfs::Count(5), Some(9000))),
        policy("b", wants("1", NumVfs::Count(2), Some(2000))),
        policy("c", wants("2", NumVfs::Count(3), None)),
    ];
    let both = desired(policies.clone(), &pf());
    assert_eq!(both.num_vfs, Some(5));
    assert_eq!(both.mtu, Mtu::try_from(9000).ok());
    assert_eq!(both.vfs.len(), 5);
    let mut policies = policies;
    policies[1].num_vfs = Some(NumVfs::Max);
    assert_eq!(desired(policies, &pf()).num_vfs, Some(7), "all it offers");
}

#[test]
fn more_than_the_device_offers_stays_visible() {
    let policies = vec![policy("a", |policy| {
        policy.num_vfs = Some(NumVfs::Count(9));
    })];
    let desired = desired(policies, &pf());
    assert_eq!(desired.num_vfs, Some(9));
    assert_eq!(desired.vfs.len(), 7);
}

#[test]
fn without_a_count_the_vfs_that_exist_are_meant() {
    let mut pf = pf();
    pf.num_vfs = 3;
    let desired = desired(vec![policy("a", |_| ())], &pf);
    assert_eq!((desired.num_vfs, desired.vfs.len()), (None, 3));
}

#[test]
fn external_is_what_the_strongest_says_who_cares_for_the_count() {
    let external = |is: Option<bool>, count: Option<u16>, vfs: &str| {
        let vfs = vfs.parse().ok();
        move |policy: &mut Policy| {
            policy.external = is;
            policy.num_vfs = count.map(NumVfs::Count);
            policy.vfs = vfs;
        }
    };
    let mut pf = pf();
    pf.num_vfs = 2;
    let table = [
        // weaker, stronger → external, count
        ((None, Some(4)), (Some(true), None), (true, None)),
        ((Some(true), None), (None, None), (true, None)),
        ((Some(true), None), (Some(false), None), (false, None)),
        ((Some(true), None), (None, Some(4)), (false, Some(4))),
        ((Some(true), None), (Some(true), Some(4)), (true, None)),
    ];
    for (weaker, stronger, expected) in table {
        let policies = vec![
            policy("weaker", external(weaker.0, weaker.1, "0")),
            policy("stronger", external(stronger.0, stronger.1, "1")),
        ];
        let desired = desired(policies, &pf);
        let got = (desired.external, desired.num_vfs);
        assert_eq!(got, expected, "{weaker:?} {stronger:?}");
    }
}

#[test]
fn autoprobe_and_removal_are_what_the_strongest_says_and_disruption_the_most_careful() {
    let mut policies = vec![policy("weak", share("0")), policy("strong", share("1"))];
    policies[0].driver_autoprobe = Some(false);
    policies[0].disruption = Disruption::Never;
    policies[1].disruption = Disruption::Always;
    policies[1].on_removal = OnRemoval::Keep;
    let first = desired(policies.clone(), &pf());
    assert_eq!(first.driver_autoprobe, Some(false));
    assert_eq!(first.disruption, Disruption::Never);
    assert_eq!(first.on_removal, OnRemoval::Keep);
    policies[1].driver_autoprobe = Some(true);
    assert_eq!(desired(policies, &pf()).driver_autoprobe, Some(true));
}

#[test]
fn single_vfs_differ_by_attribute() {
    let mut wants = policy("a", |policy| {
        policy.num_vfs = Some(NumVfs::Count(2));
        policy.settings.trust = Some(true);
        policy.settings.spoof_check = Some(false);
        policy.mac = MacChoice::Stable;
    });
    let mut special = VfOverride::default();
    special.settings.set(VfSetting::Trust(false));
    wants.overrides.insert(VfIndex(1), special);
    let pf = pf();
    let vfs = desired(vec![wants.clone()], &pf).vfs;
    assert_eq!(vfs[&VfIndex(0)].settings.trust, Some(true));
    assert_eq!(vfs[&VfIndex(1)].settings.trust, Some(false));
    assert_eq!(vfs[&VfIndex(1)].settings.spoof_check, Some(false));
    let stable = |vf| Some(stable_mac(pf.permanent_mac().unwrap(), VfIndex(vf)));
    assert_eq!(vfs[&VfIndex(0)].settings.mac, stable(0));
    assert_eq!(vfs[&VfIndex(1)].settings.mac, stable(1));
    let fixed = MacAddress([2, 0, 0, 0, 0, 1]);
    for (choice, expected) in [
        (MacChoice::Kernel, None),
        (MacChoice::Fixed(fixed), Some(fixed)),
    ] {
        wants.overrides.get_mut(&VfIndex(1)).unwrap().mac = Some(choice);
        let vfs = desired(vec![wants.clone()], &pf).vfs;
        assert_eq!(vfs[&VfIndex(1)].settings.mac, expected);
        assert_eq!(vfs[&VfIndex(0)].settings.mac, stable(0));
    }
}

#[test]
fn a_vf_outside_every_share_is_claimed_by_nobody_and_asked_for_nothing() {
    let wants = |policy: &mut Policy| {
        share("1")(policy);
        policy.num_vfs = Some(NumVfs::Count(3));
        policy.settings.trust = Some(true);
        policy.device_type = DeviceType::Driver("vfio-pci".parse().unwrap());
    };
    let desired = desired(vec![policy("a", wants)], &pf());
    assert_eq!(desired.vfs.len(), 3);
    let free = &desired.vfs[&VfIndex(2)];
    assert_eq!(
        (free.claim, &free.device_type),
        (None, &DeviceType::Netdevice)
    );
    assert_eq!(free.settings, VfSettings::default());
    assert_eq!(desired.claim_of(VfIndex(2)), None);
    let claim = desired.claim_of(VfIndex(1)).unwrap();
    assert_eq!(claim.policy.as_str(), "a");
}
