//! Networks for podman, as text.

use super::super::fixture::network as fixture;
use super::*;
use crate::model::{Vlan, VlanProto};
use crate::policy::Network;

fn with(ipam: &Value, change: impl FnOnce(&mut Description)) -> Network {
    let mut network = fixture("f1-u", Some("intelnics"));
    if let NetworkBody::Described(description) = &mut network.body {
        description.ipam = ipam.as_object().cloned();
        change(description);
    }
    network
}

fn rendered(network: &Network) -> Value {
    let text = super::network(network).unwrap().unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_network_has_what_podman_asks_of_its_file() {
    let ipam = json!({"type": "host-local", "subnet": "10.56.217.0/24"});
    let network = with(&ipam, |description| {
        description.settings.vlan = Some(Vlan {
            id: 100,
            qos: 3,
            proto: VlanProto::Dot1ad,
        });
        description.settings.trust = Some(true);
    });
    let file = rendered(&network);
    assert_eq!(file["id"].as_str().unwrap().len(), 64);
    assert_eq!(file["driver"], "sriov");
    assert_eq!(
        file["subnets"],
        json!([{"subnet": "10.56.217.0/24", "gateway": "10.56.217.1"}])
    );
    assert_eq!(
        file["options"],
        json!({
            "pool": "intelnics",
            "vlan": "100",
            "vlan_qos": "3",
            "vlan_proto": "802.1ad",
            "trust": "true",
            "no_default_route": "true",
        })
    );
    assert_eq!(file["ipam_options"]["driver"], "host-local");
    // Another name is another network.
    let other = fixture("f1-c", Some("intelnics"));
    assert_ne!(rendered(&other)["id"], file["id"]);
    assert_eq!(rendered(&other)["ipam_options"]["driver"], "none");
}

#[test]
fn ranges_and_routes_of_host_local_are_said_in_podmans_words() {
    let ipam = json!({
        "type": "host-local",
        "ranges": [
            [{"subnet": "10.1.0.0/16", "rangeStart": "10.1.2.0", "rangeEnd": "10.1.2.9"}],
            [{"subnet": "fd00::/64", "gateway": "fd00::fe"}],
        ],
        "routes": [
            {"dst": "0.0.0.0/0"},
            {"dst": "192.0.2.0/24"},
            {"dst": "fd01::/64", "gw": "fd00::9"},
        ],
    });
    let file = rendered(&with(&ipam, |_| {}));
    assert_eq!(
        file["subnets"],
        json!([
            {
                "subnet": "10.1.0.0/16",
                "gateway": "10.1.0.1",
                "lease_range": {"start_ip": "10.1.2.0", "end_ip": "10.1.2.9"},
            },
            {"subnet": "fd00::/64", "gateway": "fd00::fe"},
        ])
    );
    assert_eq!(
        file["routes"],
        json!([
            {"destination": "192.0.2.0/24", "gateway": "10.1.0.1"},
            {"destination": "fd01::/64", "gateway": "fd00::9"},
        ])
    );
    assert_eq!(file["options"]["no_default_route"], Value::Null);
    assert_eq!(file["ipv6_enabled"], true);
}

#[test]
fn what_podman_cannot_do_is_said() {
    for (ipam, says) in [
        (json!({"type": "dhcp"}), "not as \"dhcp\""),
        (
            json!({"type": "host-local", "subnet": "10.1.0.0"}),
            "\"10.1.0.0\" in \"ipam\"",
        ),
        (
            json!({"type": "host-local", "routes": [{"dst": "192.0.2.0/24"}]}),
            "is not a route",
        ),
    ] {
        let error = super::network(&with(&ipam, |_| {})).unwrap().unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn what_is_not_for_our_plugin_is_not_for_podman() {
    assert!(super::network(&fixture("f1-u", None)).is_none());
    let host_device = with(&Value::Null, |it| it.plugin = PluginType::HostDevice);
    assert!(super::network(&host_device).is_none());
}
