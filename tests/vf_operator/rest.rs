//! REST as in vf-operator's README, and what it refuses.

use crate::host::{Host, PF};
use serde_json::{Value, json};

const RESOURCE: &str = r#"{
    "name": "eth3-vfs",
    "mtu": 1500,
    "needVhostNet": false,
    "numVfs": 4,
    "nicSelector": {"drivers": ["igb"], "pfNames": ["eth3"]},
    "deviceType": "netdevice"
}"#;
const ATTACHMENT: &str = r#"{
    "name": "f1-u",
    "resourceName": "eth3-vfs",
    "config": {"cniVersion": "1.0.0", "plugins": [{"type": "sriov", "vlan": 100, "x": null}]}
}"#;
const RESOURCES: &str = "/api/v1/config/resources";
const ATTACHMENTS: &str = "/api/v1/config/networkattachments";

fn config() -> Value {
    json!({
        "name": "eth3-vfs",
        "mtu": 1500,
        "numVfs": 4,
        "needVhostNet": false,
        "nicSelector": {"vendors": [], "drivers": ["igb"], "devices": [], "pfNames": ["eth3"]},
        "deviceType": "netdevice",
    })
}

fn with_vfs() -> Host {
    let host = Host::start();
    assert_eq!(host.ask("POST", RESOURCES, RESOURCE).0, 200);
    host
}

fn attachment(name: &str) -> String {
    ATTACHMENT.replace("f1-u", name)
}

#[test]
fn a_resource_is_made_read_and_removed() {
    let host = Host::start();
    assert_eq!(
        host.ask("GET", "/api/v1/resources", ""),
        (200, json!({"resources": []}))
    );
    let (status, made) = host.ask("POST", RESOURCES, RESOURCE);
    assert_eq!(status, 200, "{made}");
    assert_eq!(made["spec"]["devices"], json!([PF]));
    let pf = &made["status"][0];
    assert_eq!((&pf["name"], &pf["device"]), (&json!("eth3"), &json!(PF)));
    assert_eq!((&pf["numVfs"], &pf["mtu"]), (&json!(4), &json!(1500)));
    assert_eq!(
        (&pf["vendor"], &pf["driver"]),
        (&json!("8086"), &json!("igb"))
    );
    let vfs = pf["vfs"].as_array().unwrap();
    assert_eq!(vfs.len(), 4);
    for key in ["name", "mac", "vendor", "driver", "device"] {
        assert!(vfs[0][key].is_string(), "{}", vfs[0]);
    }

    let all = json!({"resourceConfigs": [config()]});
    assert_eq!(host.ask("GET", RESOURCES, ""), (200, all));
    let one = format!("{RESOURCES}/eth3-vfs");
    assert_eq!(host.ask("GET", &one, ""), (200, config()));
    assert_eq!(
        host.ask("GET", "/api/v1/resources/eth3-vfs", ""),
        (200, made.clone())
    );
    assert_eq!(
        host.ask("GET", "/api/v1/resources", ""),
        (200, json!({"resources": [made]}))
    );

    assert_eq!(host.source()["policy"][0]["name"], "eth3-vfs");
    let again = host.ask("POST", RESOURCES, RESOURCE);
    let message = "resource id=eth3-vfs already exists";
    assert_eq!(
        again,
        (409, json!({"code": 6, "message": message, "details": []}))
    );

    assert_eq!(host.ask("DELETE", &one, ""), (200, json!({})));
    let message = "resource id=eth3-vfs not found";
    let gone = (404, json!({"code": 5, "message": message, "details": []}));
    for (method, path) in [
        ("GET", &*one),
        ("DELETE", &one),
        ("GET", "/api/v1/resources/eth3-vfs"),
    ] {
        assert_eq!(host.ask(method, path, ""), gone, "{method} {path}");
    }
    assert_eq!(host.posted(), [""; 0]);
}

#[test]
fn an_attachment_gets_a_vf_as_long_as_there_are_some() {
    let host = with_vfs();
    let not_yet = host.ask(
        "POST",
        ATTACHMENTS,
        &ATTACHMENT.replace("eth3-vfs", "eth4-vfs"),
    );
    let message = "resource id=eth4-vfs not found";
    assert_eq!(
        not_yet,
        (404, json!({"code": 5, "message": message, "details": []}))
    );
    for name in ["f1-u", "b", "c", "d"] {
        let made = host.ask("POST", ATTACHMENTS, &attachment(name));
        assert_eq!(made, (200, json!({})), "{name}");
    }
    let (status, f1_u) = host.ask("GET", "/api/v1/networkattachments/f1-u", "");
    let device = f1_u["config"]["plugins"][0]["deviceID"]
        .as_str()
        .expect("no VF")
        .to_owned();
    let plugin = json!({"type": "sriov", "vlan": 100, "x": null, "deviceID": device});
    let config = json!({"cniVersion": "1.0.0", "plugins": [plugin]});
    let expected = json!({"name": "f1-u", "resourceName": "eth3-vfs", "config": config});
    assert_eq!((status, f1_u), (200, expected));
    let (_, all) = host.ask("GET", "/api/v1/networkattachments", "");
    let all = all["networkattachments"].as_array().unwrap();
    let devices: std::collections::BTreeSet<_> = all
        .iter()
        .map(|it| it["config"]["plugins"][0]["deviceID"].to_string())
        .collect();
    assert_eq!((all.len(), devices.len()), (4, 4), "{devices:?}");

    let message = "resource id=eth3-vfs has no free VFs";
    let none_left = (429, json!({"code": 8, "message": message, "details": []}));
    assert_eq!(host.ask("POST", ATTACHMENTS, &attachment("e")), none_left);
    assert_eq!(host.posted().len(), 5);
    let message = "network attachment id=b already exists";
    let there = (409, json!({"code": 6, "message": message, "details": []}));
    assert_eq!(host.ask("POST", ATTACHMENTS, &attachment("b")), there);

    let b = format!("{ATTACHMENTS}/b");
    assert_eq!(host.ask("DELETE", &b, ""), (200, json!({})));
    assert_eq!(host.ask("DELETE", &b, "").0, 404);
    assert_eq!(host.ask("POST", ATTACHMENTS, &attachment("e")).0, 200);
}

#[test]
fn an_attachment_without_a_resource_is_taken_as_it_is() {
    let host = Host::start();
    let bridge =
        r#"{"name": "tn", "config": {"cniVersion": "1.0.0", "type": "bridge", "mtu": 9000}}"#;
    assert_eq!(host.ask("POST", ATTACHMENTS, bridge), (200, json!({})));
    let (_, tn) = host.ask("GET", "/api/v1/networkattachments/tn", "");
    let config = json!({"cniVersion": "1.0.0", "type": "bridge", "mtu": 9000});
    assert_eq!(
        tn,
        json!({"name": "tn", "resourceName": "", "config": config})
    );
}

#[test]
fn what_an_administrator_wrote_stands() {
    let own =
        "[[policy]]\nname = \"mine\"\nresource = \"nics\"\nnum_vfs = 2\nmatch.pf_name = \"*\"\n
[[network]]\nname = \"f1-u\"\nresource = \"nics\"\n";
    let host = Host::with_policy(own);
    for name in ["mine", "nics"] {
        let (status, refusal) = host.ask("POST", RESOURCES, &RESOURCE.replace("eth3-vfs", name));
        assert_eq!(status, 409);
        let message = refusal["message"].as_str().unwrap();
        assert!(message.ends_with("sriov.d/10-own.toml:1"), "{message}");
    }
    let (status, refusal) = host.ask("POST", ATTACHMENTS, &attachment("f1-u"));
    assert_eq!((status, &refusal["code"]), (409, &json!(6)));
    // Another name is taken, and holds nowhere as long as the administrator wants those VFs.
    let (status, made) = host.ask("POST", RESOURCES, RESOURCE);
    assert_eq!((status, &made["spec"]["devices"]), (200, &json!([])));
    // A pool of the administrator may be used.
    let of_nics = attachment("b").replace("eth3-vfs", "nics");
    assert_eq!(host.ask("POST", ATTACHMENTS, &of_nics).0, 200);
}

#[test]
fn what_makes_no_sense_is_refused_in_a_sentence() {
    let host = Host::start();
    let with = |key: &str, value: Value| {
        let mut config = config();
        config[key] = value;
        config.to_string()
    };
    let selector = |key: &str, value: &str| with("nicSelector", json!({key: [value]}));
    for (body, said) in [
        (with("name", json!("")), "bad value for \"name\""),
        (with("name", json!("a/b")), "bad value for \"name\""),
        (
            with("mtu", json!(7)),
            "bad value for \"mtu\": 7; expected a number of bytes from 68 to 65535",
        ),
        (with("numVfs", json!(70000)), "bad value for \"num_vfs\""),
        (
            with("numVfs", json!(-1)),
            "the body is not what is expected here",
        ),
        (
            with("numVFs", json!(4)),
            "the body is not what is expected here: unknown field `numVFs`",
        ),
        (
            with("deviceType", json!("a b")),
            "bad value for \"device_type\"",
        ),
        (selector("vendors", "Intel"), "bad value for \"vendor\""),
        (selector("devices", "eth3"), "bad value for \"pci_address\""),
        (
            selector("pfNames", "eth*"),
            "pfNames: \"eth*\" is not the name of a network interface",
        ),
        ("[".to_owned(), "the body is not what is expected here"),
        (String::new(), "bad value for \"name\""),
    ] {
        let (status, refusal) = host.ask("POST", RESOURCES, &body);
        let message = refusal["message"].as_str().unwrap();
        assert_eq!(
            (status, &refusal["code"]),
            (400, &json!(3)),
            "{body} {message}"
        );
        assert!(message.starts_with(said), "{body}\n{message}");
    }
    for (body, said) in [
        (
            r#"{"name": "a", "config": {}}"#,
            "\"config\" is neither a CNI plugin nor a list of them",
        ),
        (
            r#"{"name": "a"}"#,
            "\"config\" is neither a CNI plugin nor a list of them",
        ),
        (
            r#"{"name": "a", "config": {"type": "../x"}}"#,
            "\"config\" is neither a CNI plugin",
        ),
        (
            r#"{"name": "../a", "config": {"type": "x"}}"#,
            "bad value for \"name\"",
        ),
    ] {
        let (status, refusal) = host.ask("POST", ATTACHMENTS, body);
        let message = refusal["message"].as_str().unwrap();
        assert_eq!(status, 400, "{body} {message}");
        assert!(message.starts_with(said), "{body}\n{message}");
    }
    assert_eq!(host.posted(), [""; 0]);
}

#[test]
fn numbers_may_be_texts_and_names_may_be_left_out() {
    let host = Host::start();
    let body = r#"{"name": "any", "numVfs": "2"}"#;
    let (status, made) = host.ask("POST", RESOURCES, body);
    assert_eq!(
        (status, &made["spec"]["numVfs"]),
        (200, &json!(2)),
        "{made}"
    );
    let (_, config) = host.ask("GET", &format!("{RESOURCES}/any"), "");
    let none = json!({"vendors": [], "drivers": [], "devices": [], "pfNames": []});
    assert_eq!((&config["nicSelector"], &config["mtu"]), (&none, &json!(0)));
}
