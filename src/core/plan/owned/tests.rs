//! What is remembered, and when it is forgotten.

use super::*;
use crate::model::{BindTarget, PciAddress, PfStep, Step, TxRate, VfStep, Vlan};
use crate::policy::resolve::DesiredPf;
use crate::policy::{NumVfs, Policy, PolicySet};
use crate::sim::{DriverModel, SimHost, SimPf, sample};

const VF: VfIndex = VfIndex(0);

fn pf(vfs: u16) -> PfSnapshot {
    let address: PciAddress = "0000:01:00.0".parse().unwrap();
    let host = SimHost::default();
    host.plug(SimPf::new(address, DriverModel::IGB));
    host.set_num_vfs_by_hand(address, vfs);
    host.pf(address).unwrap()
}

fn desired(pf: &PfSnapshot, fill: impl FnOnce(&mut Policy)) -> Resolution {
    let mut policy = sample::policy("a".parse().unwrap());
    fill(&mut policy);
    let set = PolicySet {
        policies: vec![policy],
        ..PolicySet::default()
    };
    crate::policy::resolve::resolve(&set, &Default::default(), pf)
}

fn plan(steps: Vec<Step>) -> Plan {
    Plan {
        steps,
        ..Plan::default()
    }
}

fn mtu(mtu: u32) -> Mtu {
    mtu.try_into().unwrap()
}

fn tag(id: u16) -> VfSetting {
    VfSetting::Vlan(Vlan { id, ..Vlan::NONE })
}

fn set(setting: VfSetting) -> Step {
    let (interface, vf) = (1, VF);
    Step::Vf(vf, VfStep::SetAttribute { interface, setting })
}

fn bind(pf: &PfSnapshot, to: BindTarget) -> Step {
    let vf = &pf.vfs[&VF];
    Step::Vf(
        VF,
        VfStep::Bind {
            address: vf.address,
            from: vf.driver.clone(),
            to,
        },
    )
}

fn with_vf(fill: impl FnOnce(&mut OwnedVf)) -> OwnedPf {
    let mut owned = OwnedPf::default();
    fill(owned.vfs.entry(VF).or_default());
    owned
}

#[test]
fn what_is_about_to_be_done_is_remembered_with_what_was_before() {
    let mut pf = pf(1);
    pf.vfs.get_mut(&VF).unwrap().settings.set(tag(5));
    let driver = BindTarget::Driver("vfio-pci".parse().unwrap());
    let steps = vec![
        Step::Pf(PfStep::SetAutoprobe { on: false }),
        Step::Pf(PfStep::SetNumVfs { from: 0, to: 1 }),
        Step::Pf(PfStep::SetEswitchMode {
            from: EswitchMode::Legacy,
            to: EswitchMode::Switchdev,
        }),
        Step::Pf(PfStep::SetTcOffload {
            interface: 1,
            on: true,
        }),
        Step::Vf(
            VF,
            VfStep::SetRepresentorTcOffload {
                interface: 3,
                on: true,
            },
        ),
        Step::Pf(PfStep::SetMtu {
            interface: 1,
            mtu: mtu(9000),
        }),
        set(tag(7)),
        set(VfSetting::QueryRss(true)),
        bind(&pf, driver),
        Step::Vf(
            VF,
            VfStep::SetMtu {
                interface: 2,
                mtu: mtu(9000),
            },
        ),
    ];
    let resolution = desired(&pf, |policy| policy.on_removal = OnRemoval::Keep);
    let owned = about_to_own(None, &resolution, &pf, &plan(steps)).unwrap();
    let settings = [
        (VfAttribute::Vlan, Some(tag(5))),
        (VfAttribute::QueryRss, None),
    ];
    let vf = OwnedVf {
        untold: BTreeMap::new(),
        settings: settings.into(),
        mac: None,
        driver: true,
        mtu: true,
        tc_offload_before: Some(false),
    };
    let expected = OwnedPf {
        hold: None,
        was_up: false,
        brought_up: None,
        permanent_mac: pf.permanent_mac(),
        on_removal: OnRemoval::Keep,
        created_vfs: true,
        mtu_before: Some(Mtu::ETHERNET),
        autoprobe_before: Some(true),
        eswitch_before: Some(EswitchMode::Legacy),
        tc_offload_before: Some(false),
        params_before: BTreeMap::new(),
        reload_due: false,
        up_before: false,
        bridge: None,
        unsupported: BTreeSet::new(),
        unprobed: [VfIndex(0)].into(),
        fresh: Some(VfSettings::default()),
        vfs: [(VF, vf)].into(),
    };
    assert_eq!(owned, expected);
}

#[test]
fn what_was_there_first_stays_remembered() {
    let pf = pf(1);
    let resolution = desired(&pf, |_| ());
    let mut first = with_vf(|vf| {
        vf.settings.insert(VfAttribute::Vlan, Some(tag(5)));
    });
    first.mtu_before = Some(mtu(2000));
    first.autoprobe_before = Some(false);
    let steps = vec![
        set(tag(7)),
        Step::Pf(PfStep::SetAutoprobe { on: false }),
        Step::Pf(PfStep::SetMtu {
            interface: 1,
            mtu: mtu(9000),
        }),
    ];
    let owned = about_to_own(Some(&first), &resolution, &pf, &plan(steps)).unwrap();
    assert_eq!(owned, first);
}

#[test]
fn an_address_is_ours_if_the_vf_had_another() {
    let mut pf = pf(1);
    let resolution = desired(&pf, |_| ());
    let addresses = [1, 2].map(|last| MacAddress([2, 0, 0, 0, 0, last]));
    let given = |pf: &PfSnapshot| {
        let steps = vec![set(VfSetting::Mac(addresses[0]))];
        let owned = about_to_own(None, &resolution, pf, &plan(steps)).unwrap();
        owned.vfs[&VF].mac
    };
    pf.vfs.get_mut(&VF).unwrap().settings.mac = Some(addresses[1]);
    assert_eq!(given(&pf), Some(addresses[0]));
    pf.vfs.get_mut(&VF).unwrap().settings.mac = Some(addresses[0]);
    assert_eq!(given(&pf), None);
}

#[test]
fn steps_that_undo_are_not_owned() {
    let pf = pf(1);
    let steps = vec![
        Step::Pf(PfStep::SetNumVfs { from: 1, to: 0 }),
        Step::Pf(PfStep::SetDown { interface: 1 }),
        bind(&pf, BindTarget::Default),
    ];
    let resolution = desired(&pf, |_| ());
    let owned = about_to_own(None, &resolution, &pf, &plan(steps)).unwrap();
    let nothing = OwnedPf {
        permanent_mac: pf.permanent_mac(),
        ..OwnedPf::default()
    };
    assert_eq!(owned, nothing);
}

#[test]
fn nothing_is_owned_where_nothing_is_done() {
    let pf = pf(1);
    let resolution = desired(&pf, |_| ());
    assert_eq!(about_to_own(None, &resolution, &pf, &plan(vec![])), None);
    let unmatched = Resolution::Unmatched;
    let step = Step::Pf(PfStep::SetUp { interface: 1 });
    assert_eq!(about_to_own(None, &unmatched, &pf, &plan(vec![step])), None);
}

#[test]
fn a_reset_remembers_what_it_has_to_undo_itself() {
    let pf = pf(1);
    let owned = with_vf(|vf| vf.driver = true);
    let steps = vec![Step::Pf(PfStep::SetAutoprobe { on: false })];
    let next = about_to_own(Some(&owned), &Resolution::Unmatched, &pf, &plan(steps));
    assert_eq!(next.unwrap().autoprobe_before, Some(true));
}

#[track_caller]
fn still(owned: &OwnedPf, resolution: &Resolution, pf: &PfSnapshot) -> Option<OwnedPf> {
    let still = still_owned(Some(owned), resolution, pf);
    let again = still_owned(still.as_ref(), resolution, pf);
    assert_eq!(again, still, "it is not written down again and again");
    still
}

fn known(owned: OwnedPf, pf: &PfSnapshot) -> OwnedPf {
    OwnedPf {
        permanent_mac: pf.permanent_mac(),
        ..owned
    }
}

#[test]
fn nothing_is_forgotten_while_the_name_is_awaited() {
    let pf = pf(1);
    let owned = known(with_vf(|vf| vf.mtu = true), &pf);
    assert_eq!(still(&owned, &Resolution::AwaitsName, &pf), Some(owned));
}

#[test]
fn another_nic_in_the_slot_is_not_owned() {
    let pf = pf(0);
    let owned = OwnedPf {
        permanent_mac: Some(MacAddress([2, 0, 0, 0, 0, 1])),
        created_vfs: true,
        ..OwnedPf::default()
    };
    assert_eq!(still(&owned, &desired(&pf, |_| ()), &pf), None);
    let mut hidden = pf.clone();
    hidden.interface = None;
    assert!(still(&owned, &desired(&hidden, |_| ()), &hidden).is_some());
}

#[test]
fn a_nic_is_known_by_its_mac_as_soon_as_that_is_seen() {
    let pf = pf(0);
    let owned = OwnedPf {
        created_vfs: true,
        ..OwnedPf::default()
    };
    let still = still(&owned, &desired(&pf, |_| ()), &pf).unwrap();
    assert_eq!(still.permanent_mac, pf.permanent_mac());
}

#[test]
fn what_is_kept_on_removal_is_forgotten_with_its_policy() {
    let pf = pf(1);
    let owned = OwnedPf {
        created_vfs: true,
        on_removal: OnRemoval::Keep,
        ..OwnedPf::default()
    };
    assert_eq!(still(&owned, &Resolution::Unmatched, &pf), None);
    let reset = desired(&pf, |policy| policy.on_removal = OnRemoval::Reset);
    let now = still(&owned, &reset, &pf).unwrap();
    assert_eq!(now.on_removal, OnRemoval::Reset, "as the policy says now");
}

#[test]
fn vfs_that_are_gone_are_not_owned() {
    let pf = pf(0);
    let mut owned = with_vf(|vf| vf.driver = true);
    owned.created_vfs = true;
    let wanted = still(&owned, &desired(&pf, |_| ()), &pf).unwrap();
    assert!(wanted.created_vfs && wanted.vfs.is_empty());
    assert_eq!(still(&owned, &Resolution::Unmatched, &pf), None);
}

#[test]
fn vfs_that_a_policy_calls_somebody_elses_are_not_ours() {
    let pf = pf(1);
    let owned = OwnedPf {
        created_vfs: true,
        ..OwnedPf::default()
    };
    let external = desired(&pf, |policy| policy.external = Some(true));
    assert!(!still(&owned, &external, &pf).unwrap().created_vfs);
    let counted = desired(&pf, |policy| policy.num_vfs = Some(NumVfs::Count(1)));
    assert!(still(&owned, &counted, &pf).unwrap().created_vfs);
}

#[test]
fn an_attribute_is_owned_until_it_is_back() {
    let mut pf = pf(1);
    let owned = with_vf(|vf| {
        vf.settings.insert(VfAttribute::Vlan, None);
        vf.settings
            .insert(VfAttribute::Trust, Some(VfSetting::Trust(true)));
        vf.settings.insert(VfAttribute::SpoofCheck, None);
        vf.settings
            .insert(VfAttribute::QueryRss, Some(VfSetting::QueryRss(false)));
    });
    let owns = |resolution: &Resolution, pf: &PfSnapshot| -> Vec<VfAttribute> {
        let still = still(&owned, resolution, pf);
        let vf = still.and_then(|still| still.vfs.get(&VF).cloned());
        vf.unwrap_or_default().settings.into_keys().collect()
    };
    let vf = |pf: &mut PfSnapshot, setting| pf.vfs.get_mut(&VF).unwrap().settings.set(setting);
    vf(&mut pf, tag(5));
    let away = [VfAttribute::Trust, VfAttribute::Vlan];
    assert_eq!(owns(&Resolution::Unmatched, &pf), away);
    let wanted = desired(&pf, |policy| {
        policy.settings.set(VfSetting::SpoofCheck(true));
    });
    let asked = [
        VfAttribute::Trust,
        VfAttribute::Vlan,
        VfAttribute::SpoofCheck,
    ];
    assert_eq!(owns(&wanted, &pf), asked);
    vf(&mut pf, tag(0));
    vf(&mut pf, VfSetting::Trust(true));
    assert_eq!(owns(&Resolution::Unmatched, &pf), []);
}

#[test]
fn an_address_is_owned_until_the_vf_goes_by_another() {
    let mut pf = pf(1);
    let ours: MacAddress = "02:00:00:00:00:01".parse().unwrap();
    let owned = with_vf(|vf| {
        let before = Some(VfSetting::Mac(MacAddress::ZERO));
        vf.settings.insert(VfAttribute::Mac, before);
        vf.mac = Some(ours);
    });
    let netdev = pf.vfs[&VF].interface.clone();
    let mut owns = |told: MacAddress, own: Option<MacAddress>| {
        let vf = pf.vfs.get_mut(&VF).unwrap();
        vf.settings.mac = Some(told);
        vf.interface = netdev.clone().zip(own).map(|(mut netdev, own)| {
            netdev.mac = own;
            netdev
        });
        still(&owned, &Resolution::Unmatched, &pf).is_some()
    };
    let others = "02:00:00:00:00:02".parse().unwrap();
    assert!(owns(ours, Some(ours)));
    assert!(
        owns(MacAddress::ZERO, Some(ours)),
        "its driver still has it"
    );
    assert!(!owns(MacAddress::ZERO, Some(others)));
    assert!(!owns(others, Some(others)), "its driver chose it");
    assert!(owns(MacAddress::ZERO, None), "a netdev may come with it");
}

#[test]
fn a_short_list_makes_nothing_forgotten() {
    let mut pf = pf(1);
    let owned = with_vf(|vf| {
        vf.settings.insert(VfAttribute::Vlan, None);
    });
    let owned = known(owned, &pf);
    pf.vf_list_complete = false;
    pf.vfs.get_mut(&VF).unwrap().settings = Default::default();
    assert_eq!(still(&owned, &Resolution::Unmatched, &pf), Some(owned));
}

#[test]
fn a_driver_is_owned_until_the_default_one_is_bound() {
    let mut pf = pf(1);
    let owned = with_vf(|vf| vf.driver = true);
    let owns = |pf: &PfSnapshot| still(&owned, &Resolution::Unmatched, pf).is_some();
    assert!(!owns(&pf));
    pf.vfs.get_mut(&VF).unwrap().driver_override = "vfio-pci".parse().ok();
    assert!(owns(&pf));
    pf.vfs.get_mut(&VF).unwrap().driver_override = None;
    pf.vfs.get_mut(&VF).unwrap().driver = None;
    assert!(owns(&pf));
}

#[test]
fn mtus_and_autoprobe_are_owned_until_they_are_back() {
    let mut pf = pf(1);
    let mut owned = with_vf(|vf| vf.mtu = true);
    owned.mtu_before = Some(Mtu::ETHERNET);
    owned.autoprobe_before = Some(true);
    let owned = known(owned, &pf);
    assert_eq!(still(&owned, &Resolution::Unmatched, &pf), None);
    let wanted = desired(&pf, |policy| policy.mtu = Some(mtu(9000)));
    let with_mtu = still(&owned, &wanted, &pf).unwrap();
    assert_eq!(with_mtu.mtu_before, Some(Mtu::ETHERNET));
    assert_eq!(with_mtu.vfs, owned.vfs);
    assert_eq!(with_mtu.autoprobe_before, None);
    pf.interface.as_mut().unwrap().mtu = mtu(9000);
    pf.vfs.get_mut(&VF).unwrap().interface.as_mut().unwrap().mtu = mtu(9000);
    pf.autoprobe = false;
    assert_eq!(still(&owned, &Resolution::Unmatched, &pf), Some(owned));
}

#[test]
fn the_mtu_of_a_vf_is_remembered_while_it_is_out_of_sight() {
    let mut pf = pf(1);
    let owned = with_vf(|vf| vf.mtu = true);
    let unwanted = desired(&pf, |_| ());
    let vf = pf.vfs.get_mut(&VF).unwrap();
    vf.interface = None;
    vf.interface_elsewhere = true;
    assert_eq!(still(&owned, &unwanted, &pf).unwrap().vfs, owned.vfs);
    pf.vfs.get_mut(&VF).unwrap().interface_elsewhere = false;
    assert!(still(&owned, &unwanted, &pf).unwrap().vfs.is_empty());
}

#[test]
fn the_mtu_of_a_netdev_is_forgotten_with_its_driver() {
    let mut pf = pf(0);
    pf.driver = None;
    let owned = OwnedPf {
        mtu_before: Some(mtu(4000)),
        ..OwnedPf::default()
    };
    let wanted = desired(&pf, |policy| policy.mtu = Some(mtu(9000)));
    assert!(matches!(&wanted, Resolution::Desired(pf) if DesiredPf::clone(pf).mtu.is_some()));
    assert_eq!(still(&owned, &wanted, &pf).unwrap().mtu_before, None);
}

#[test]
fn a_driver_without_minimum_rates_may_know_maximum_rates() {
    let needs = |min, max| Capability::needed_by(VfSetting::TxRate(TxRate { min, max }));
    assert_eq!(needs(1, 100), Capability::MinTxRate);
    assert_eq!(needs(0, 100), Capability::Attribute(VfAttribute::TxRate));
}
