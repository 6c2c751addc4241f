//! Each rule of libcni, with what it takes and what it refuses.

use super::*;
use serde_json::json;

fn sentences(config: &Value) -> Vec<String> {
    let refusals = refusals(config.as_object().unwrap());
    refusals.iter().map(ToString::to_string).collect()
}

/// In a list, and where it may stand there, in a plugin alone.
fn in_plugin(key: &str, value: &Value) -> [Value; 2] {
    let plugin = json!({"type": "sriov", key: value});
    [plugin.clone(), json!({"plugins": [plugin]})]
}

#[test]
fn keys_of_a_list() {
    let with = |key: &str, value: &Value| json!({"plugins": [{"type": "sriov"}], key: value});
    for key in ["disableCheck", "disableGC", "loadOnlyInlinedPlugins"] {
        for good in [
            json!(true),
            json!(false),
            json!("true"),
            json!("False"),
            json!("TRUE"),
        ] {
            assert_eq!(sentences(&with(key, &good)), [""; 0], "{key}: {good}");
        }
        for bad in [
            json!(null),
            json!(1),
            json!("yes"),
            json!(""),
            json!([]),
            json!({}),
        ] {
            let expected = format!("{key} is not true or false");
            assert_eq!(sentences(&with(key, &bad)), [expected], "{key}: {bad}");
        }
    }
    for good in [
        json!(""),
        json!("1"),
        json!("0.3"),
        json!("1.1.0"),
        json!("9.9.9"),
    ] {
        assert_eq!(sentences(&with("cniVersion", &good)), [""; 0], "{good}");
        assert_eq!(
            sentences(&with("cniVersions", &json!([good]))),
            [""; 0],
            "{good}"
        );
    }
    for bad in ["x", "1.0.0.0", "1..0", "v1.0.0", " 1", "1.0.0-rc1"] {
        let [version] = &sentences(&with("cniVersion", &json!(bad)))[..] else {
            panic!("{bad}")
        };
        assert_eq!(version, "cniVersion is not a version such as 1.0.0");
        let versions = sentences(&with("cniVersions", &json!(["1.0.0", bad])));
        let expected = "cniVersions: entry 2 is not a version such as 1.0.0";
        assert_eq!(versions, [expected], "{bad}");
    }
    for bad in [json!(null), json!(1.0), json!({})] {
        let expected = "cniVersion is not a text";
        assert_eq!(sentences(&with("cniVersion", &bad)), [expected], "{bad}");
    }
    for bad in [json!(null), json!("1.0.0"), json!({})] {
        let expected = "cniVersions is not a list of versions";
        assert_eq!(sentences(&with("cniVersions", &bad)), [expected], "{bad}");
    }
    assert_eq!(sentences(&with("cniVersions", &json!([]))), [""; 0]);
    assert_eq!(sentences(&with("unheardOf", &json!(null))), [""; 0]);
}

#[test]
fn plugins_have_a_type() {
    for bad in [json!([]), json!({}), json!(null), json!("sriov")] {
        let expected = "plugins is not a list with at least one plugin";
        assert_eq!(sentences(&json!({"plugins": bad})), [expected], "{bad}");
    }
    for bad in [
        json!({}),
        json!({"type": ""}),
        json!({"type": 7}),
        json!(null),
        json!("a"),
        json!([]),
    ] {
        let list = json!({"plugins": [{"type": "sriov"}, bad]});
        let expected = "plugin 2 is not an object with a type";
        assert_eq!(sentences(&list), [expected], "{bad}");
    }
    assert_eq!(
        sentences(&json!({})),
        ["plugin 1 is not an object with a type"]
    );
}

#[test]
fn keys_of_a_plugin() {
    for (key, value) in [
        (
            "capabilities",
            json!({"mac": true, "ips": false, "bandwidth": null}),
        ),
        ("capabilities", json!(null)),
        ("ipam", json!({})),
        ("ipam", json!(null)),
        ("ipam", json!({"type": "host-local", "ranges": 5})),
        ("ipam", json!({"type": null})),
        (
            "dns",
            json!({"nameservers": ["10.0.0.1"], "domain": "a", "search": null, "options": []}),
        ),
        ("dns", json!({"nameservers": [null], "unheardOf": 7})),
        ("prevResult", json!({})),
        ("name", json!("a")),
        ("cniVersion", json!("1.0.0")),
        (
            "cni.dev/valid-attachments",
            json!([{"containerID": "a", "ifname": "b"}, null]),
        ),
        ("unheardOf", json!([1])),
    ] {
        for config in in_plugin(key, &value) {
            assert_eq!(sentences(&config), [""; 0], "{config}");
        }
    }
    for (key, value, refused) in [
        ("capabilities", json!([]), "capabilities is not an object"),
        (
            "capabilities",
            json!("mac"),
            "capabilities is not an object",
        ),
        (
            "capabilities",
            json!({"mac": "true"}),
            "capabilities.mac is not true or false",
        ),
        (
            "Capabilities",
            json!({"mac": 1}),
            "Capabilities.mac is not true or false",
        ),
        ("ipam", json!("host-local"), "ipam is not an object"),
        ("ipam", json!([]), "ipam is not an object"),
        ("ipam", json!({"type": 5}), "ipam.type is not a text"),
        ("IPAM", json!({"TYPE": {}}), "IPAM.TYPE is not a text"),
        ("dns", json!("10.0.0.1"), "dns is not an object"),
        (
            "dns",
            json!({"nameservers": "10.0.0.1"}),
            "dns.nameservers is not a list of texts",
        ),
        (
            "dns",
            json!({"nameservers": [1]}),
            "dns.nameservers is not a list of texts",
        ),
        ("dns", json!({"domain": ["a"]}), "dns.domain is not a text"),
        (
            "dns",
            json!({"\u{17f}earch": 1}),
            "dns.\u{17f}earch is not a list of texts",
        ),
        (
            "dns",
            json!({"options": {}}),
            "dns.options is not a list of texts",
        ),
        ("prevResult", json!([]), "prevResult is not an object"),
        ("name", json!(5), "name is not a text"),
        ("TYPE", json!(5), "TYPE is not a text"),
        (
            "cni.dev/valid-attachments",
            json!({}),
            "cni.dev/valid-attachments is not a list of attachments",
        ),
        (
            "cni.dev/valid-attachments",
            json!([{"ifname": 5}]),
            "cni.dev/valid-attachments.ifname is not a text",
        ),
    ] {
        for config in in_plugin(key, &value) {
            assert_eq!(
                sentences(&config),
                [format!("plugin 1: {refused}")],
                "{config}"
            );
        }
    }
}

#[test]
fn what_is_found_is_shown_in_short() {
    let long = json!({"type": "a", "ipam": "x".repeat(500)});
    let [refusal] = &refusals(long.as_object().unwrap())[..] else {
        panic!()
    };
    assert_eq!(refusal.found.chars().count(), 61);
}
