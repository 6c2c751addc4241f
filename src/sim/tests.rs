//! The simulator against what was measured on real kernels.

use super::*;
use sriovd_core::model::{
    BindTarget, LinkState, MacAddress, TxRate, VfAttribute, VfSetting, VfSettings, VfSnapshot,
    Vlan, VlanProto,
};

const PF: &str = "0000:01:00.0";

fn at(text: &str) -> PciAddress {
    text.parse().unwrap()
}

fn host(model: DriverModel) -> SimHost {
    let host = SimHost::new(Node::default());
    host.plug(SimPf::new(at(PF), model));
    host
}

fn act(host: &SimHost, step: Step) -> Result<(), HostError> {
    host.apply(&Action {
        pf: at(PF),
        step,
        though_in_use: false,
        seen: None,
    })
}

fn count(host: &SimHost, from: u16, to: u16) -> Result<(), HostError> {
    act(host, Step::Pf(PfStep::SetNumVfs { from, to }))
}

fn up(host: &SimHost) {
    let interface = interface(host);
    act(host, Step::Pf(PfStep::SetUp { interface })).unwrap();
}

fn interface(host: &SimHost) -> u32 {
    host.pf(at(PF)).unwrap().interface.unwrap().index
}

fn set(host: &SimHost, vf: u16, setting: VfSetting) -> Result<(), HostError> {
    let (interface, vf) = (interface(host), VfIndex(vf));
    act(
        host,
        Step::Vf(vf, VfStep::SetAttribute { interface, setting }),
    )
}

fn vf(host: &SimHost, vf: u16) -> VfSnapshot {
    host.pf(at(PF)).unwrap().vfs[&VfIndex(vf)].clone()
}

fn bind(host: &SimHost, index: u16, driver: Option<&str>) -> Result<(), HostError> {
    let to = match driver {
        Some(driver) => BindTarget::Driver(driver.parse().unwrap()),
        None => BindTarget::Default,
    };
    let address = vf(host, index).address;
    act(
        host,
        Step::Vf(
            VfIndex(index),
            VfStep::Bind {
                address,
                from: vf(host, index).driver,
                to,
            },
        ),
    )
}

fn errno(result: Result<(), HostError>) -> Errno {
    match result.unwrap_err() {
        HostError::Kernel { errno, .. } => errno,
        other => panic!("not an errno: {other}"),
    }
}

fn mac(last: u8) -> MacAddress {
    MacAddress([2, 0, 0, 0, 0, last])
}

#[test]
fn the_count_goes_from_zero_and_to_zero_only() {
    let host = host(DriverModel::IGB);
    assert_eq!(errno(count(&host, 0, 8)), Errno::RANGE);
    count(&host, 0, 7).unwrap();
    assert_eq!(errno(count(&host, 7, 3)), Errno::BUSY);
    count(&host, 7, 7).unwrap();
    count(&host, 7, 0).unwrap();
    assert_eq!(host.pf(at(PF)).unwrap().num_vfs, 0);
    host.unbind_pf(at(PF));
    assert_eq!(errno(count(&host, 0, 3)), Errno::NOENT);
}

#[test]
fn vfs_stand_where_the_device_says() {
    let host = host(DriverModel::IGB);
    count(&host, 0, 7).unwrap();
    assert_eq!(vf(&host, 0).address, at("0000:01:10.0"));
    assert_eq!(vf(&host, 1).address, at("0000:01:10.2"));
    assert_eq!(vf(&host, 6).address, at("0000:01:11.4"));
}

#[test]
fn bnxt_makes_no_vf_while_down_and_says_it_did() {
    let host = host(DriverModel::BNXT);
    count(&host, 0, 4).unwrap();
    assert_eq!(host.pf(at(PF)).unwrap().num_vfs, 0);
    up(&host);
    count(&host, 0, 4).unwrap();
    assert_eq!(host.pf(at(PF)).unwrap().num_vfs, 4);
}

#[test]
fn igb_refuses_what_the_emulated_82576_was_seen_to_refuse() {
    let host = host(DriverModel::IGB);
    count(&host, 0, 2).unwrap();
    let rate = |min, max| VfSetting::TxRate(TxRate { min, max });
    let unsupported = |setting| {
        matches!(
            set(&host, 0, setting).unwrap_err(),
            HostError::Unsupported { .. }
        )
    };
    assert_eq!(errno(set(&host, 0, rate(0, 100))), Errno::INVAL);
    up(&host);
    set(&host, 0, rate(0, 100)).unwrap();
    assert_eq!(errno(set(&host, 0, rate(10, 100))), Errno::INVAL);
    assert_eq!(errno(set(&host, 0, rate(0, 2500))), Errno::INVAL);
    assert_eq!(errno(set(&host, 2, VfSetting::Trust(true))), Errno::INVAL);
    let multicast = VfSetting::Mac(MacAddress([1, 0, 0, 0, 0, 1]));
    assert_eq!(errno(set(&host, 0, multicast)), Errno::INVAL);
    assert!(unsupported(VfSetting::QueryRss(true)));
    assert!(unsupported(VfSetting::LinkState(LinkState::Enable)));
    let tag = |id, proto| VfSetting::Vlan(Vlan { id, qos: 0, proto });
    assert!(unsupported(tag(100, VlanProto::Dot1ad)));
    set(&host, 0, tag(4095, VlanProto::Dot1q)).unwrap();
    let seen = vf(&host, 0).settings;
    assert_eq!(
        (seen.query_rss, seen.link_state),
        (None, Some(LinkState::Auto))
    );
}

#[test]
fn igb_drops_rates_when_the_speed_changes() {
    let host = host(DriverModel::IGB);
    count(&host, 0, 1).unwrap();
    up(&host);
    let rate = TxRate { min: 0, max: 100 };
    set(&host, 0, VfSetting::TxRate(rate)).unwrap();
    host.set_cable(at(PF), None);
    assert_eq!(vf(&host, 0).settings.tx_rate, Some(rate));
    host.set_cable(at(PF), Some(100));
    assert_eq!(vf(&host, 0).settings.tx_rate, Some(TxRate::default()));
}

#[test]
fn a_vf_made_again_has_lost_everything() {
    let host = host(DriverModel::IGB);
    count(&host, 0, 1).unwrap();
    let before = vf(&host, 0);
    assert_eq!(before.driver, "igbvf".parse().ok());
    set(&host, 0, VfSetting::Trust(true)).unwrap();
    let tag = Vlan {
        id: 5,
        ..Vlan::NONE
    };
    set(&host, 0, VfSetting::Vlan(tag)).unwrap();
    bind(&host, 0, Some("vfio-pci")).unwrap();
    count(&host, 1, 0).unwrap();
    act(&host, Step::Pf(PfStep::SetAutoprobe { on: false })).unwrap();
    count(&host, 0, 1).unwrap();
    let after = vf(&host, 0);
    assert_eq!((&after.driver, &after.driver_override), (&None, &None));
    assert_eq!(after.settings.vlan, Some(Vlan::NONE));
    assert_eq!(after.settings.trust, Some(false));
    bind(&host, 0, None).unwrap_err();
    act(&host, Step::Pf(PfStep::SetAutoprobe { on: true })).unwrap();
    bind(&host, 0, None).unwrap();
    let mac = |vf: VfSnapshot| vf.interface.unwrap().mac;
    assert_ne!(mac(vf(&host, 0)), mac(before));
}

#[test]
fn probing_without_autoprobe_needs_an_override_and_a_driver() {
    let host = host(DriverModel::IGB);
    act(&host, Step::Pf(PfStep::SetAutoprobe { on: false })).unwrap();
    count(&host, 0, 1).unwrap();
    let no_effect =
        |result: Result<(), HostError>| matches!(result, Err(HostError::NoEffect { .. }));
    assert!(no_effect(bind(&host, 0, None)));
    bind(&host, 0, Some("vfio-pci")).unwrap();
    assert_eq!(vf(&host, 0).interface, None);
    host.remove_driver("vfio-pci".parse().unwrap());
    assert!(no_effect(bind(&host, 0, Some("vfio-pci"))));
    assert_eq!(vf(&host, 0).driver, None);
}

#[test]
fn a_mac_reaches_the_netdev_when_its_driver_probes() {
    let host = host(DriverModel::IGB);
    count(&host, 0, 1).unwrap();
    set(&host, 0, VfSetting::Mac(mac(1))).unwrap();
    assert_ne!(vf(&host, 0).interface.unwrap().mac, mac(1));
    bind(&host, 0, None).unwrap();
    assert_eq!(vf(&host, 0).interface.unwrap().mac, mac(1));
}

#[test]
fn a_trusted_igb_vf_that_was_bound_keeps_its_own_mac() {
    let host = host(DriverModel::IGB);
    count(&host, 0, 1).unwrap();
    let own = vf(&host, 0).interface.unwrap().mac;
    set(&host, 0, VfSetting::Trust(true)).unwrap();
    set(&host, 0, VfSetting::Mac(mac(1))).unwrap();
    bind(&host, 0, None).unwrap();
    let seen = vf(&host, 0);
    assert_eq!(seen.interface.unwrap().mac, own);
    assert_eq!(seen.settings.mac, Some(own));
}

#[test]
fn a_trusted_vf_that_was_never_bound_takes_the_mac_of_the_pf() {
    let host = host(DriverModel::IGB);
    act(&host, Step::Pf(PfStep::SetAutoprobe { on: false })).unwrap();
    count(&host, 0, 1).unwrap();
    set(&host, 0, VfSetting::Trust(true)).unwrap();
    set(&host, 0, VfSetting::Mac(mac(1))).unwrap();
    act(&host, Step::Pf(PfStep::SetAutoprobe { on: true })).unwrap();
    bind(&host, 0, None).unwrap();
    assert_eq!(vf(&host, 0).interface.unwrap().mac, mac(1));
}

#[test]
fn virtio_tells_nothing_of_its_vfs_and_sets_nothing() {
    let host = host(DriverModel::VIRTIO);
    count(&host, 0, 2).unwrap();
    assert_eq!(vf(&host, 0).settings, VfSettings::default());
    for attribute in VfAttribute::ALL {
        let setting = DriverModel::GENERIC
            .fresh_settings()
            .get(attribute)
            .unwrap();
        let result = set(&host, 0, setting);
        assert!(
            matches!(result, Err(HostError::Unsupported { .. })),
            "{setting}"
        );
    }
}

#[test]
fn a_driver_that_is_busy_after_creation_answers_again_later() {
    let mut model = DriverModel::I40E;
    model.busy_after_creation = 2;
    let host = host(model);
    count(&host, 0, 1).unwrap();
    for _ in 0..2 {
        assert_eq!(errno(set(&host, 0, VfSetting::Trust(true))), Errno::AGAIN);
    }
    set(&host, 0, VfSetting::Trust(true)).unwrap();
}

#[test]
fn a_netdev_taken_into_a_namespace_is_out_of_sight_and_comes_back() {
    let host = host(DriverModel::IGB);
    count(&host, 0, 2).unwrap();
    let before = vf(&host, 1);
    let by = Holder::Namespace {
        name: Some("blue".to_owned()),
    };
    host.hold(at(PF), VfIndex(1), by.clone());
    let away = vf(&host, 1);
    assert_eq!(
        (away.interface, away.interface_elsewhere, away.driver),
        (None, true, before.driver.clone())
    );
    let plain = host.observe(at(PF), Look::Plain).unwrap().unwrap();
    assert_eq!(plain.holders, None);
    let seen = host.observe(at(PF), Look::WithHolders).unwrap().unwrap();
    assert_eq!(seen.holders.unwrap()[&VfIndex(1)], BTreeSet::from([by]));
    host.release(at(PF), VfIndex(1));
    assert_eq!(vf(&host, 1), before);
}

#[test]
fn a_vf_driver_makes_its_netdev_wherever_that_of_the_pf_is() {
    let host = host(DriverModel::IGB);
    host.edit(at(PF), |pf| pf.snapshot.interface = None);
    count(&host, 0, 2).unwrap();
    let names = [0, 1].map(|index| vf(&host, index).interface.map(|nic| nic.name.to_string()));
    assert!(
        names[0].is_some() && names[1].is_some() && names[0] != names[1],
        "{names:?}"
    );
}

#[test]
fn taking_a_vf_from_its_user_is_written_down() {
    let host = host(DriverModel::IGB);
    count(&host, 0, 3).unwrap();
    host.hold(at(PF), VfIndex(2), Holder::VfioGroup { group: 9 });
    let held = |host: &SimHost| host.pf(at(PF)).unwrap().holders.unwrap();
    assert_eq!(held(&host), BTreeMap::new(), "it has no VFIO group");
    bind(&host, 2, Some("vfio-pci")).unwrap();
    host.hold(at(PF), VfIndex(2), Holder::VfioGroup { group: 9 });
    bind(&host, 1, None).unwrap();
    assert_eq!(host.violations(), []);
    bind(&host, 2, None).unwrap();
    let name = None;
    host.hold(at(PF), VfIndex(0), Holder::Namespace { name });
    count(&host, 3, 0).unwrap();
    let struck: Vec<_> = host.violations().into_iter().map(|v| v.vf).collect();
    assert_eq!(struck, [VfIndex(2), VfIndex(0)]);
}

#[test]
fn faults_strike_as_often_as_they_were_told() {
    let host = host(DriverModel::IGB);
    let creates =
        |action: &Action| matches!(action.step, Step::Pf(PfStep::SetNumVfs { to, .. }) if to > 0);
    host.fail_next(creates, Errno::NOMEM, 1);
    host.succeed_without_effect(creates, 1);
    host.make_fewer_vfs(at(PF), 2, 1);
    host.do_and_fail(
        |action| action.step == Step::Pf(PfStep::SetNumVfs { from: 2, to: 0 }),
        Errno::IO,
        1,
    );
    assert_eq!(errno(count(&host, 0, 4)), Errno::NOMEM);
    count(&host, 0, 4).unwrap();
    assert_eq!(host.pf(at(PF)).unwrap().num_vfs, 0);
    let fewer = count(&host, 0, 4).unwrap_err();
    assert!(matches!(fewer, HostError::NoEffect { .. }), "{fewer}");
    assert_eq!(host.pf(at(PF)).unwrap().num_vfs, 2);
    assert_eq!(errno(count(&host, 2, 0)), Errno::IO);
    assert_eq!(host.pf(at(PF)).unwrap().num_vfs, 0);
    count(&host, 0, 4).unwrap();
    assert_eq!(host.take_attempts().len(), 5);
}

#[test]
fn a_pf_can_vanish_while_the_kernel_works_on_it() {
    let host = host(DriverModel::IGB);
    host.vanish_during(|action| action.step.kind() == "set-numvfs");
    assert!(matches!(count(&host, 0, 4), Err(HostError::Gone { .. })));
    assert_eq!(host.observe(at(PF), Look::Plain).unwrap(), None);
}

#[test]
fn a_hung_call_leaves_the_rest_of_the_host_alone() {
    let host = host(DriverModel::IGB);
    host.plug(SimPf::new(at("0000:02:00.0"), DriverModel::ICE));
    host.hang(|action| action.pf == at(PF));
    std::thread::scope(|scope| {
        let hung = scope.spawn(|| count(&host, 0, 4));
        host.await_hung(1);
        let step = Step::Pf(PfStep::SetNumVfs { from: 0, to: 2 });
        let pf = at("0000:02:00.0");
        host.apply(&Action {
            pf,
            step,
            though_in_use: false,
            seen: None,
        })
        .unwrap();
        host.release_hung();
        hung.join().unwrap().unwrap();
    });
    assert_eq!(host.pf(at(PF)).unwrap().num_vfs, 4);
}

#[test]
fn a_pf_that_loses_its_driver_loses_its_vfs_and_its_netdev() {
    let host = host(DriverModel::IGB);
    up(&host);
    count(&host, 0, 4).unwrap();
    let before = interface(&host);
    host.unbind_pf(at(PF));
    let pf = host.pf(at(PF)).unwrap();
    assert_eq!((pf.num_vfs, pf.driver, pf.interface), (0, None, None));
    host.bind_pf(at(PF));
    let again = host.pf(at(PF)).unwrap().interface.unwrap();
    assert!(!again.up && again.index != before);
}

#[test]
fn a_snapshot_can_be_gone_on_from() {
    let host = host(DriverModel::IGB);
    count(&host, 0, 4).unwrap();
    let text = serde_json::to_string(&host.snapshot()).unwrap();
    let again = SimHost::from_snapshot(serde_json::from_str(&text).unwrap());
    assert_eq!(again.snapshot(), host.snapshot());
    count(&again, 4, 0).unwrap();
    count(&again, 0, 2).unwrap();
    let indexes = |pf: PfSnapshot| -> BTreeSet<u32> {
        let vfs = pf
            .vfs
            .into_values()
            .filter_map(|vf| Some(vf.interface?.index));
        vfs.collect()
    };
    let (old, new) = (host.pf(at(PF)).unwrap(), again.pf(at(PF)).unwrap());
    assert!(indexes(old).is_disjoint(&indexes(new)));
}

#[test]
fn a_truncated_list_hides_what_the_vfs_are_set_to() {
    let host = host(DriverModel::IGB);
    count(&host, 0, 4).unwrap();
    host.edit(at(PF), |pf| pf.listed_vfs = Some(2));
    let pf = host.pf(at(PF)).unwrap();
    assert!(!pf.vf_list_complete && pf.num_vfs == 4);
    assert_ne!(pf.vfs[&VfIndex(1)].settings, VfSettings::default());
    assert_eq!(pf.vfs[&VfIndex(2)].settings, VfSettings::default());
}

#[test]
fn netdevs_may_come_later_than_their_drivers() {
    let host = host(DriverModel::IGB);
    host.edit(at(PF), |pf| pf.late_netdevs = true);
    count(&host, 0, 2).unwrap();
    let netdevs = |host: &SimHost| {
        let pf = host.pf(at(PF)).unwrap();
        let vfs = pf.vfs.values();
        vfs.map(|vf| {
            (
                vf.driver.is_some(),
                vf.interface.is_some(),
                vf.lacks_netdev(),
            )
        })
        .collect::<Vec<_>>()
    };
    assert_eq!(netdevs(&host), [(true, false, true); 2]);
    host.unbind_vf(at(PF), VfIndex(1));
    host.finish_probing(at(PF));
    assert_eq!(netdevs(&host), [(true, true, false), (false, false, false)]);
}

#[test]
fn vfs_that_their_driver_fails_on_are_left_to_themselves() {
    for (model, half_bound) in [(DriverModel::MLX5, false), (DriverModel::VIRTIO, true)] {
        let mut pf = SimPf::new(at(PF), model);
        pf.dead_vfs.insert(VfIndex(1));
        let host = SimHost::new(Node::default());
        host.plug(pf);
        count(&host, 0, 3).unwrap();
        assert!(vf(&host, 0).interface.is_some() && vf(&host, 2).interface.is_some());
        let dead = vf(&host, 1);
        assert_eq!(dead.interface, None);
        assert_eq!(
            (dead.half_bound, dead.driver.is_some()),
            (half_bound, half_bound)
        );
        assert_eq!(bind(&host, 1, None).is_ok(), half_bound);
        // What takes no part in the network takes it.
        bind(&host, 1, Some("vfio-pci")).unwrap();
        assert!(!vf(&host, 1).half_bound);
    }
}

#[test]
fn a_nic_that_goes_counts_the_vfs_that_are_gone() {
    let host = host(DriverModel::IGB);
    count(&host, 0, 4).unwrap();
    host.lose_vfs_from(at(PF), VfIndex(4));
    assert!(!host.pf(at(PF)).unwrap().count_is_changing);
    host.lose_vfs_from(at(PF), VfIndex(1));
    let seen = host.pf(at(PF)).unwrap();
    assert_eq!(seen.num_vfs, 1);
    assert!(seen.count_is_changing && !seen.vf_list_complete);
    assert_eq!(errno(count(&host, 1, 4)), Errno::BUSY);
}
