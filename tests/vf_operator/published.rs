//! What is posted is what is answered and published: the same values, whatever carried them.

use crate::host::Host;
use serde_json::{Value, json};
use sriovd_agent::load::{self, LastGood, Trust};
use sriovd_core::model::PciAddress;
use sriovd_core::render::cni::{Device, conflist};
use std::path::Path;

const ATTACHMENTS: &str = "/api/v1/config/networkattachments";

fn config() -> Value {
    json!({
        "cniVersion": "1.0.0",
        "plugins": [{
            "type": "sriov",
            "vlan": 5,
            "min_tx_rate": 0,
            "ratio": 0.5,
            "below": -7,
            "large": 9_007_199_254_740_993_u64,
            "largest": u64::MAX,
            "lowest": i64::MIN,
            "huge": 1e300,
            "none": null,
            "list": [1, 2.5, {"deep": 3}],
        }],
    })
}

/// The list that a container runtime reads.
fn published(host: &Host, name: &str) -> Value {
    let loaded = load::load(
        Path::new("/"),
        &[host.sources_dir()],
        Trust::Enforce,
        &LastGood::default(),
    );
    let mut networks = loaded.set.networks.iter();
    let network = networks.find(|network| network.name.as_str() == name);
    let list = conflist(network.unwrap(), Device::None).unwrap();
    let mut list: Value = serde_json::from_str(&list).unwrap();
    list.as_object_mut().unwrap().remove("name");
    list
}

#[test]
fn numbers_are_answered_and_published_as_they_were_posted() {
    let host = Host::start();
    let attachment = json!({"name": "a", "config": config()}).to_string();
    assert_eq!(host.ask("POST", ATTACHMENTS, &attachment).0, 200);
    let (_, answered) = host.ask("GET", "/api/v1/networkattachments/a", "");
    assert_eq!(answered["config"], config());
    assert_eq!(published(&host, "a"), config());
}

#[test]
fn whole_numbers_come_out_whole_however_they_were_written() {
    let host = Host::start();
    let attachment =
        r#"{"name": "a", "config": {"type": "bridge", "vlan": 5.0, "mtu": 9e3, "zero": -0.0}}"#;
    assert_eq!(host.ask("POST", ATTACHMENTS, attachment).0, 200);
    let plugin = json!({"type": "bridge", "vlan": 5, "mtu": 9000, "zero": 0});
    let (_, answered) = host.ask("GET", "/api/v1/networkattachments/a", "");
    assert_eq!(answered["config"], plugin);
    assert_eq!(published(&host, "a")["plugins"], json!([plugin]));
}

#[test]
fn what_an_earlier_version_wrote_comes_out_whole_and_stays_what_it_was() {
    let old =
        "[[policy]]\nname = \"old\"\nresource = \"old\"\nnum_vfs = 2\nmatch.pf_name = [\"eth3\"]\n";
    let host = Host::with_files_of_before(&[
        (
            "network-a.toml",
            "[[network]]\nname = \"a\"\nconfig = '{\"type\":\"bridge\",\"vlan\":5.0}'\n",
        ),
        ("resource-old.toml", old),
        (
            "resource.0000000001.b.toml",
            &old.replace("old", "b").replace("= 2", "= 1"),
        ),
    ]);
    assert_eq!(host.pools(), ["b"]);
    let (_, answered) = host.ask("GET", "/api/v1/networkattachments/a", "");
    assert_eq!(answered["config"]["vlan"], json!(5));
    assert_eq!(
        published(&host, "a")["plugins"],
        json!([{"type": "bridge", "vlan": 5}])
    );
    let resources = "/api/v1/config/resources";
    assert_eq!(host.ask("GET", &format!("{resources}/old"), "").0, 200);
    // What is posted today comes after it.
    let new = json!({"name": "a-new", "numVfs": 3}).to_string();
    assert_eq!(host.ask("POST", resources, &new).0, 200);
    assert_eq!(host.pools(), ["a-new"]);
    assert_eq!(host.ask("DELETE", &format!("{resources}/old"), "").0, 200);
    assert_eq!(host.posted(), ["policy b", "policy a-new", "network a"]);
}

#[test]
fn a_vf_that_is_gone_is_not_answered() {
    let host = Host::start();
    let resource = r#"{"name": "eth3-vfs", "numVfs": 2, "nicSelector": {"pfNames": ["eth3"]}}"#;
    let resources = "/api/v1/config/resources";
    assert_eq!(host.ask("POST", resources, resource).0, 200);
    let attachment = |name: &str, device: &str| {
        let plugin = json!({"type": "sriov", "deviceID": device});
        json!({"name": name, "resourceName": "eth3-vfs", "config": plugin}).to_string()
    };
    // As it was read from another host, or at another time.
    let old = attachment("a", "0000:99:00.0");
    assert_eq!(host.ask("POST", ATTACHMENTS, &old).0, 200);
    let device = || {
        let (status, answered) = host.ask("GET", "/api/v1/networkattachments/a", "");
        assert_eq!(status, 200, "{answered}");
        answered["config"]["deviceID"].clone()
    };
    let given: PciAddress = serde_json::from_value(device()).unwrap();
    assert_ne!(given.to_string(), "0000:99:00.0");
    let pf = crate::host::PF.parse().unwrap();
    host.happens(|sim| drop(sim.unplug(pf)));
    assert_eq!(device(), Value::Null);
    host.happens(crate::host::plug);
    assert_eq!(device(), json!(given));
}
