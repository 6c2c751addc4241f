//! Conflists to the byte, and that the sriov plugin accepts every one that is described.

mod libcni;

use super::*;
use crate::model::{LinkState, MacAddress, TxRate, VfSettings, Vlan, VlanProto};
use crate::render::fixture::*;
use proptest::prelude::*;

fn described_network(change: impl FnOnce(&mut Description)) -> Network {
    let mut network = network("f1-u", Some("a"));
    if let NetworkBody::Described(description) = &mut network.body {
        change(description);
    }
    network
}

fn raw_network(config: Value) -> Network {
    let Value::Object(config) = config else {
        panic!("not an object")
    };
    Network {
        body: NetworkBody::Raw(config),
        ..network("f1-u", Some("a"))
    }
}

fn map(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn device() -> Device<'static> {
    Device::Vf(parse("0000:af:06.0"))
}

#[test]
fn a_described_network() {
    let network = described_network(|description| {
        description.settings = VfSettings {
            vlan: Some(Vlan {
                id: 100,
                qos: 3,
                ..Vlan::NONE
            }),
            spoof_check: Some(true),
            trust: Some(false),
            link_state: Some(LinkState::Auto),
            tx_rate: Some(TxRate { min: 0, max: 1000 }),
            ..VfSettings::default()
        };
        description.mac = Some(parse("02:00:5E:10:00:01"));
        description.capabilities = map(&json!({"mac": true}));
        description.ipam = Some(map(
            &json!({"type": "host-local", "subnet": "10.56.217.0/24"}),
        ));
        description.meta_plugins = vec![map(&json!({"type": "tuning"}))];
    });
    assert_eq!(
        conflist(&network, device()).unwrap(),
        r#"{
  "cniVersion": "1.0.0",
  "name": "f1-u",
  "plugins": [
    {
      "capabilities": {
        "mac": true
      },
      "deviceID": "0000:af:06.0",
      "ipam": {
        "subnet": "10.56.217.0/24",
        "type": "host-local"
      },
      "link_state": "auto",
      "mac": "02:00:5e:10:00:01",
      "max_tx_rate": 1000,
      "min_tx_rate": 0,
      "spoofchk": "on",
      "trust": "off",
      "type": "sriov",
      "vlan": 100,
      "vlanQoS": 3
    },
    {
      "type": "tuning"
    }
  ]
}
"#
    );
}

fn plugins(network: &Network, device: Device<'_>) -> Value {
    let text = conflist(network, device).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["plugins"].clone()
}

#[test]
fn what_is_not_said_is_not_written() {
    let network = described_network(|_| {});
    assert_eq!(plugins(&network, Device::None), json!([{"type": "sriov"}]));
}

#[test]
fn host_device_gets_its_own_key_and_no_attributes() {
    let network = described_network(|description| {
        description.plugin = PluginType::HostDevice;
        description.settings.trust = Some(true);
    });
    assert_eq!(
        plugins(&network, device()),
        json!([{"type": "host-device", "pciBusID": "0000:af:06.0"}])
    );
}

#[test]
fn the_service_providers_tag_is_named() {
    let network = described_network(|description| {
        let proto = VlanProto::Dot1ad;
        description.settings.vlan = Some(Vlan {
            id: 7,
            qos: 0,
            proto,
        });
    });
    assert_eq!(
        plugins(&network, Device::None),
        json!([{"type": "sriov", "vlan": 7, "vlanProto": "802.1ad"}])
    );
}

#[test]
fn a_raw_plugin_becomes_a_list_under_the_networks_name() {
    let network = raw_network(json!({
        "cniVersion": "0.3.1", "name": "other", "type": "ovs", "bridge": "br0"
    }));
    assert_eq!(
        conflist(&network, device()).unwrap(),
        r#"{
  "cniVersion": "0.3.1",
  "name": "f1-u",
  "plugins": [
    {
      "bridge": "br0",
      "deviceID": "0000:af:06.0",
      "type": "ovs"
    }
  ]
}
"#
    );
}

#[test]
fn a_raw_list_stays_as_it_is_but_for_name_and_device() {
    let network = raw_network(json!({
        "name": "other", "disableCheck": true,
        "plugins": [{"type": "host-device", "pciBusID": "0000:00:00.0"}, {"type": "tuning", "deviceID": "mine"}]
    }));
    let text = conflist(&network, device()).unwrap();
    let expected = json!({
        "cniVersion": "1.0.0", "name": "f1-u", "disableCheck": true,
        "plugins": [{"type": "host-device", "pciBusID": "0000:af:06.0"}, {"type": "tuning", "deviceID": "mine"}]
    });
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
}

#[test]
fn what_would_break_every_other_network_is_not_written() {
    let no_plugins = "plugins is not a list with at least one plugin";
    let no_type = "plugin 1 is not an object with a type";
    let cases = [
        (json!({}), no_type),
        (json!({"type": ""}), no_type),
        (json!({"type": 7}), no_type),
        (json!({"plugins": []}), no_plugins),
        (json!({"plugins": {"type": "sriov"}}), no_plugins),
        (
            json!({"plugins": [{"type": "sriov"}, "tuning"]}),
            "plugin 2 is not an object with a type",
        ),
        (
            json!({"cniVersion": 1.0, "type": "sriov"}),
            "cniVersion is not a text",
        ),
        (
            json!({"disableCheck": 1, "plugins": [{"type": "sriov"}]}),
            "disableCheck is not true or false",
        ),
        (
            json!({"type": "sriov", "dns": {"nameservers": "10.0.0.1"}}),
            "plugin 1: dns.nameservers is not a list of texts",
        ),
    ];
    for (config, error) in cases {
        let refusal = conflist(&raw_network(config), device()).unwrap_err();
        assert_eq!(refusal.to_string(), error);
    }
    let network = described_network(|description| description.meta_plugins = vec![Map::new()]);
    let refusal = conflist(&network, Device::None).unwrap_err();
    let error = "plugin 2 is not an object with a type";
    assert_eq!(refusal.to_string(), error);
}

#[test]
fn which_files_are_ours_and_which_come_before() {
    assert_eq!(file_name(&parse("f1-u")), "99-sriovd-f1-u.conflist");
    assert!(is_file_name("99-sriovd-f1-u.conflist"));
    assert!(!is_file_name("99-sriovd-f1-u.conflist.bak"));
    assert!(!is_file_name("98-sriovd-f1-u.conflist"));
    let before = [
        "05-cilium.conflist",
        "10-x.conf",
        "87-podman.json",
        "99-loopback.conf",
    ];
    assert!(before.into_iter().all(is_configuration_before_ours));
    let not = [
        "99-sriovd-f1-u.conflist",
        "multus.conflist",
        "05-a.conflist.tmp",
        "README",
        "conf",
    ];
    assert!(!not.into_iter().any(is_configuration_before_ours));
}

/// What sriov-cni's `LoadConf` and its Go types demand, written down apart from the renderer.
fn refused_by_sriov_cni(conf: &Value) -> Option<&'static str> {
    let integer = |key: &str| conf.get(key).map(|value| value.as_u64());
    let in_range = |key: &str, last: u64| {
        !matches!(integer(key), Some(None)) && integer(key).flatten().is_none_or(|n| n <= last)
    };
    let one_of = |key: &str, allowed: &[&str]| {
        conf.get(key)
            .is_none_or(|value| value.as_str().is_some_and(|text| allowed.contains(&text)))
    };
    let vlan = conf["vlan"].as_u64();
    let qos = conf["vlanQoS"].as_u64();
    let device = conf["deviceID"].as_str();
    let rules = [
        (
            device.is_some_and(|id| id.len() == 12 && id == id.to_lowercase()),
            "deviceID",
        ),
        (in_range("vlan", 4094), "vlan"),
        (in_range("vlanQoS", 7), "vlanQoS"),
        (in_range("min_tx_rate", u64::from(u32::MAX)), "min_tx_rate"),
        (in_range("max_tx_rate", u64::from(u32::MAX)), "max_tx_rate"),
        (one_of("vlanProto", &["802.1q", "802.1ad"]), "vlanProto"),
        (one_of("spoofchk", &["on", "off"]), "spoofchk"),
        (one_of("trust", &["on", "off"]), "trust"),
        (
            one_of("link_state", &["auto", "enable", "disable"]),
            "link_state",
        ),
        (
            conf.get("vlanQoS").is_none() || vlan.is_some(),
            "vlanQoS without vlan",
        ),
        (
            conf.get("vlanProto").is_none() || vlan.is_some(),
            "vlanProto without vlan",
        ),
        (
            qos.unwrap_or(0) == 0 || vlan != Some(0),
            "vlanQoS on vlan 0",
        ),
        (
            conf["vlanProto"] != "802.1ad" || vlan != Some(0),
            "802.1ad on vlan 0",
        ),
        (
            conf.get("min_tx_rate").is_some() == conf.get("max_tx_rate").is_some(),
            "one rate",
        ),
    ];
    rules
        .into_iter()
        .find(|(holds, _)| !holds)
        .map(|(_, rule)| rule)
}

#[test]
fn the_oracle_refuses_what_the_plugin_refuses() {
    let device = "0000:af:06.0";
    let cases = [
        json!({}),
        json!({"deviceID": "0000:AF:06.0"}),
        json!({"deviceID": device, "vlan": "100"}),
        json!({"deviceID": device, "vlanQoS": 1}),
        json!({"deviceID": device, "vlan": 0, "vlanQoS": 1}),
        json!({"deviceID": device, "vlan": 0, "vlanProto": "802.1ad"}),
        json!({"deviceID": device, "trust": true}),
    ];
    for conf in cases {
        assert!(refused_by_sriov_cni(&conf).is_some(), "{conf}");
    }
}

prop_compose! {
    fn any_settings()(
        vlan in prop::option::of((prop_oneof![Just(0), 1_u16..4095], 0_u8..8, any::<bool>())),
        trust in any::<Option<bool>>(),
        spoof_check in any::<Option<bool>>(),
        tx_rate in prop::option::of((any::<u32>(), any::<u32>())),
        link_state in prop::option::of(prop::sample::select(vec![
            LinkState::Auto, LinkState::Enable, LinkState::Disable,
        ])),
    ) -> VfSettings {
        let proto = |ad| if ad { VlanProto::Dot1ad } else { VlanProto::Dot1q };
        VfSettings {
            vlan: vlan.map(|(id, qos, ad)| Vlan { id, qos, proto: proto(ad) }),
            trust,
            spoof_check,
            tx_rate: tx_rate.map(|(min, max)| TxRate { min, max }),
            link_state,
            ..VfSettings::default()
        }
    }
}

proptest! {
    #[test]
    fn the_plugin_accepts_whatever_is_described(settings in any_settings(), mac in any::<[u8; 6]>()) {
        let network = described_network(|description| {
            description.settings = settings;
            description.mac = Some(MacAddress(mac));
        });
        let plugins = plugins(&network, device());
        prop_assert_eq!(refused_by_sriov_cni(&plugins[0]), None, "{}", plugins[0]);
    }
}
