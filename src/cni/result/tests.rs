//! Results as each version of the protocol has them.

use super::super::VERSIONS;
use super::*;

fn rendered(version: &str, mac: Option<&str>, mtu: Option<u32>) -> Value {
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
    let given = Given::read(&json!({
        "ips": [{"address": "10.56.217.9/24", "gateway": "10.56.217.1"}, {"address": "fd00::9/64"}],
    }));
    let mac = mac.map(|mac| mac.parse().unwrap());
    let mtu = mtu.map(|mtu| Mtu::try_from(mtu).unwrap());
    let text = render(version, &allocation.unwrap(), mac, mtu, &given.unwrap());
    serde_json::from_str(&text).unwrap()
}

#[test]
fn an_interface_is_told_with_what_the_version_knows_of() {
    let mac = "02:00:00:00:00:01";
    for version in VERSIONS {
        let result = rendered(version, Some(mac), Some(1500));
        let mut interface = json!({"name": "net1", "mac": mac, "sandbox": "/run/netns/box"});
        if version == "1.1.0" {
            interface["mtu"] = json!(1500);
            interface["pciID"] = json!("0000:01:10.0");
        }
        assert_eq!(result["interfaces"], json!([interface]), "{version}");
        let mut ips = json!([
            {"address": "10.56.217.9/24", "gateway": "10.56.217.1", "interface": 0},
            {"address": "fd00::9/64", "interface": 0},
        ]);
        if version < "1" {
            ips[0]["version"] = json!("4");
            ips[1]["version"] = json!("6");
        }
        assert_eq!(result["ips"], ips, "{version}");
        assert_eq!(result["cniVersion"], version);
    }
}

#[test]
fn a_vf_without_a_netdev_is_an_interface_that_has_the_addresses() {
    for version in VERSIONS {
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
