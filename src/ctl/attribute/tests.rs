//! Values in a column, and when they count as different.

use super::*;

#[test]
fn values_are_short_and_tell_all() {
    let vlan = |id, qos, proto| VfSetting::Vlan(Vlan { id, qos, proto });
    let rate = |min, max| VfSetting::TxRate(TxRate { min, max });
    let table = [
        (vlan(0, 0, VlanProto::Dot1q), "0"),
        (vlan(100, 3, VlanProto::Dot1q), "100 qos 3"),
        (vlan(100, 0, VlanProto::Dot1ad), "100 802.1ad"),
        (rate(0, 0), "any"),
        (rate(0, 500), "..500"),
        (rate(100, 0), "100.."),
        (rate(100, 500), "100..500"),
        (VfSetting::Trust(true), "on"),
        (VfSetting::QueryRss(false), "off"),
    ];
    for (setting, text) in table {
        assert_eq!(value(setting), text);
    }
}

#[test]
fn what_nobody_wants_does_not_differ() {
    let text = |text: &str| Some(text.to_owned());
    assert!(!Compared::new("vlan", text("100"), None).differs);
    assert!(!Compared::new("vlan", text("100"), text("100")).differs);
    assert!(Compared::new("vlan", text("100"), text("200")).differs);
    assert!(Compared::new("vlan", None, text("200")).differs);
}

#[test]
fn a_vf_that_is_not_there_lacks_its_driver_and_no_mtu() {
    let wanted = DesiredVf {
        in_bridge: false,
        lacks_mac: false,
        mac_is_stable: false,
        claim: Some(0),
        device_type: DeviceType::Netdevice,
        names_driver: false,
        mtu: sriovd_core::model::Mtu::try_from(9000).ok(),
        representor: Default::default(),
        settings: VfSettings::default(),
    };
    let compared = compare(None, Some(&wanted));
    let differs: Vec<_> = compared.iter().filter(|it| it.differs).collect();
    assert_eq!(differs.len(), 1, "{differs:?}");
    assert_eq!(differs[0].attribute, "driver");
    // Left to others, its driver is nobody's business here.
    let unclaimed = DesiredVf {
        lacks_mac: false,
        mac_is_stable: false,
        claim: None,
        ..wanted
    };
    assert!(!compare(None, Some(&unclaimed))[0].differs);
}
