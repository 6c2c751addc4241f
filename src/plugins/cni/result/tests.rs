//! Results as each version of the protocol has them.

use super::super::version::{VERSIONS, is_since};
use super::*;

fn rendered(version: &str, mac: Option<&str>, mtu: Option<u32>) -> Value {
    let given = Given::read(&json!({
        "ips": [{"address": "10.56.217.9/24", "gateway": "10.56.217.1"}, {"address": "fd00::9/64"}],
    }));
    let mac = mac.map(|mac| mac.parse().unwrap());
    let mtu = mtu.map(|mtu| Mtu::try_from(mtu).unwrap());
    let text = render(version, &allocation(), mac, mtu, &given.unwrap());
    serde_json::from_str(&text).unwrap()
}

fn allocation() -> Allocation {
    let allocation = serde_json::from_value(json!({
        "address": "0000:01:10.0",
        "pf": "0000:01:00.0",
        "vf": 0,
        "borrower": {
            "container": "box",
            "network": "f1-u",
            "namespace": "/run/netns/box",
            "interface": "net1",
        },
        "lent_at": 0,
    }));
    allocation.unwrap()
}

#[test]
fn an_interface_is_told_with_what_the_version_knows_of() {
    let mac = "02:00:00:00:00:01";
    for version in VERSIONS {
        let result = rendered(version, Some(mac), Some(1500));
        assert_eq!(result["cniVersion"], version);
        if !is_since(version, "0.3.0") {
            continue;
        }
        let mut interface = json!({
            "name": "net1",
            "mac": mac,
            "mtu": 1500,
            "sandbox": "/run/netns/box",
        });
        if version == "1.1.0" {
            interface["pciID"] = json!("0000:01:10.0");
        }
        assert_eq!(result["interfaces"], json!([interface]), "{version}");
        let mut ips = json!([
            {"address": "10.56.217.9/24", "gateway": "10.56.217.1", "interface": 0},
            {"address": "fd00::9/64", "interface": 0},
        ]);
        if !is_since(version, "1.0.0") {
            ips[0]["version"] = json!("4");
            ips[1]["version"] = json!("6");
        }
        assert_eq!(result["ips"], ips, "{version}");
    }
}

#[test]
fn a_vf_without_a_netdev_is_an_interface_that_has_the_addresses() {
    for version in VERSIONS.into_iter().filter(|it| is_since(it, "0.3.0")) {
        let result = rendered(version, None, None);
        let mut interface = json!({"name": "net1", "sandbox": "/run/netns/box"});
        if version == "1.1.0" {
            interface["pciID"] = json!("0000:01:10.0");
        }
        assert_eq!(result["interfaces"], json!([interface]), "{version}");
        let mut ips = result["ips"].as_array().unwrap().iter();
        assert!(ips.all(|ip| ip["interface"] == 0), "{result}");
    }
    let with_mac = rendered("1.0.0", Some("02:00:00:00:00:01"), None);
    assert_eq!(with_mac["interfaces"][0]["mac"], "02:00:00:00:00:01");
}

#[test]
fn versions_without_interfaces_tell_one_address_of_each_family_and_its_routes() {
    let ip4 = json!({
        "ip": "10.56.217.9/24",
        "gateway": "10.56.217.1",
        "routes": [{"dst": "192.0.2.0/24"}, {"dst": "0.0.0.0/0", "gw": "10.56.217.2"}],
    });
    let ip6 = json!({"ip": "fd00::9/64"});
    let lists = json!({
        "ips": [
            {"address": "10.56.217.9/24", "gateway": "10.56.217.1"},
            {"address": "10.56.218.9/24"},
            {"address": "fd00::9/64"},
        ],
        "routes": [
            {"dst": "192.0.2.0/24", "mtu": 1400},
            {"dst": "0.0.0.0/0", "gw": "10.56.217.2"},
        ],
    });
    let families = json!({"cniVersion": "0.2.0", "ip4": ip4, "ip6": ip6});
    for given in [lists, families] {
        let given = Given::read(&given).unwrap();
        let addressing = given.addressing().unwrap();
        assert!(
            addressing
                .addresses
                .contains(&("fd00::9".parse().unwrap(), 64))
        );
        let gateways = addressing.routes.iter().map(|route| route.hop.gateway());
        let gateways: Vec<_> = gateways.flatten().map(|it| it.to_string()).collect();
        assert_eq!(gateways, ["10.56.217.1", "10.56.217.2"]);
        for version in ["0.1.0", "0.2.0"] {
            let result = render(version, &allocation(), None, None, &given);
            let result: Value = serde_json::from_str(&result).unwrap();
            let expected = json!({"cniVersion": version, "ip4": ip4, "ip6": ip6, "dns": {}});
            assert_eq!(result, expected);
        }
    }
    Given::read(&json!({"ip4": {"gateway": "10.56.217.1"}})).unwrap_err();
}
