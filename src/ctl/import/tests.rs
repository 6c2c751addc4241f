//! What is carried over means what it meant: who wins, and which PFs are named.

use super::*;
use sriovd_core::model::Node;
use sriovd_core::policy::resolve::{Resolution, resolve};
use sriovd_core::policy::{PolicySet, file};
use sriovd_sim::{DriverModel, SimPf};

/// What is printed is what was judged.
fn imported(text: &str) -> Imported {
    let imported = import_text(Path::new("a.yaml"), text).unwrap();
    match file::parse(Path::new("the result"), &imported.text) {
        Ok(mut printed) => {
            let judged = imported.content.as_ref().unwrap();
            // The text has lines of its own.
            for (printed, judged) in printed.policies.iter_mut().zip(&judged.policies) {
                printed.origin = judged.origin.clone();
            }
            for (printed, judged) in printed.networks.iter_mut().zip(&judged.networks) {
                printed.origin = judged.origin.clone();
            }
            assert_eq!(judged.policies, printed.policies, "{}", imported.text);
            assert_eq!(judged.networks, printed.networks, "{}", imported.text);
            assert_eq!(imported.wrong, printed.warnings, "{}", imported.text);
        }
        Err(errors) => {
            assert_eq!(imported.wrong, errors, "{}", imported.text);
            assert_eq!(imported.content, None, "{}", imported.text);
        }
    }
    imported
}

fn set(text: &str) -> PolicySet {
    let imported = imported(text);
    assert!(imported.wrong.is_empty(), "{}", imported.text);
    let content = file::parse(Path::new("a.toml"), &imported.text).unwrap();
    PolicySet {
        policies: content.policies,
        networks: content.networks,
    }
}

/// The pools in force on an igb whose interface is called eth3.
fn pools(text: &str) -> Vec<String> {
    let address = "0000:01:00.0".parse().unwrap();
    let mut pf = SimPf::new(address, DriverModel::IGB).snapshot;
    let interface = pf.interface.as_mut().unwrap();
    interface.name = "eth3".parse().unwrap();
    match resolve(&set(text), &Node::default(), &pf) {
        Resolution::Desired(desired) => {
            let claims = desired.policies.iter();
            let pools = claims.filter_map(|claim| claim.resource.as_ref());
            pools.map(ToString::to_string).collect()
        }
        Resolution::Unmatched | Resolution::AwaitsName => Vec::new(),
    }
}

fn policy(name: &str, more: &str, selector: &str) -> String {
    format!(
        "---\nkind: SriovNetworkNodePolicy\nmetadata: {{name: {name}}}\n\
         spec: {{resourceName: {name}, numVfs: 4, {more} nicSelector: {{{selector}}}}}\n"
    )
}

#[test]
fn of_the_operators_policies_the_lower_number_wins_and_then_the_last_name() {
    let named = "pfNames: [eth3]";
    let (b, a) = (policy("b", "", named), policy("a", "", named));
    assert_eq!(pools(&format!("{b}{a}")), ["b"]);
    assert_eq!(pools(&format!("{a}{b}")), ["b"]);
    let strong = policy("a", "priority: 10,", named);
    assert_eq!(pools(&format!("{strong}{b}")), ["a"]);
}

#[test]
fn of_the_device_plugins_resources_the_first_wins() {
    let entry =
        |name| format!(r#"{{"resourceName": "{name}", "selectors": {{"pfNames": ["eth3"]}}}}"#);
    let config = |a, b| format!(r#"{{"resourceList": [{}, {}]}}"#, entry(a), entry(b));
    assert_eq!(pools(&config("a", "b")), ["a"]);
    assert_eq!(pools(&config("b", "a")), ["b"]);
}

#[test]
fn of_vf_operators_resources_the_first_wins() {
    let entry = |name| {
        format!(r#"{{"name": "{name}", "numVfs": 2, "nicSelector": {{"pfNames": ["eth3"]}}}}"#)
    };
    let config = |a, b| format!(r#"{{"resourceConfigs": [{}, {}]}}"#, entry(a), entry(b));
    assert_eq!(pools(&config("a", "b")), ["a"]);
    assert_eq!(pools(&config("b", "a")), ["b"]);
}

#[test]
fn a_selector_that_is_lost_never_names_more_pfs() {
    for selector in [
        "",
        "netFilter: \"openstack/NetworkID:1\"",
        "netFilter: \"openstack/NetworkID:1\", vendor: \"8086\"",
        "vendor: intel",
        "rootDevices: [\"01:00.0\"]",
        "pfNames: [\"a b\"]",
    ] {
        assert_eq!(pools(&policy("a", "", selector)), [""; 0], "{selector}");
    }
    assert_eq!(pools(&policy("a", "", "vendor: \"8086\"")), ["a"]);
    // Of several the good ones remain.
    let some = "rootDevices: [\"0000:01:00.0\", \"01:00.0\"]";
    let vendor = "vendor: \"8086\"";
    assert_eq!(pools(&policy("a", "", &format!("{vendor}, {some}"))), ["a"]);
}

/// Neither can be read as the source reads it, in YAML or JSON.
const NO_TEXT: [&str; 5] = ["[[a, b]]", "{a: b}", "[{a: b}]", "[[]]", "{a: {b: c}}"];

fn is_off(text: &str) {
    assert_eq!(pools(text), [""; 0], "{text}");
    let remarks = imported(text).remarks;
    let told = |what: &str| remarks.iter().any(|remark| remark.contains(what));
    assert!(told("switched off"), "{text}: {remarks:?}");
    assert!(remarks.len() > 1, "{text}: {remarks:?}");
}

/// The rest of the selector names the PF: what is lost must not leave that.
#[test]
fn a_selector_that_is_not_read_never_leaves_the_others_alone() {
    let with = |key: &str, value: &str| {
        let rest = if key == "vendor" {
            "pfNames: [eth3]"
        } else {
            "vendor: \"8086\""
        };
        policy("a", "", &format!("{rest}, {key}: {value}"))
    };
    for key in ["vendor", "deviceID", "rootDevices", "pfNames", "netFilter"] {
        for value in NO_TEXT {
            is_off(&with(key, value));
        }
        let merged = with("<<", &format!("{{{key}: a}}"));
        is_off(&merged);
    }
    for (key, value) in [
        ("vendor", "15B3"),
        ("vendor", "1.5"),
        ("vendor", "true"),
        ("vendor", "0x8086"),
        ("rootDevices", "[\"\"]"),
        ("rootDevices", "[null]"),
        ("rootDevices", "\"\""),
        ("pfNames", "[\"eth?\"]"),
        ("pfNames", "[\"*\"]"),
        ("pfNames", "[~]"),
        ("PFNames", "[[eth3]]"),
    ] {
        is_off(&with(key, value));
    }
    // What is empty is not there.
    for (key, value) in [
        ("pfNames", "[]"),
        ("rootDevices", "null"),
        ("deviceID", "\"\""),
    ] {
        let text = with(key, value);
        assert_eq!(pools(&text), ["a"], "{text}");
        assert_eq!(imported(&text).remarks, [""; 0], "{text}");
    }
}

#[test]
fn a_label_that_is_not_read_never_leaves_a_policy_for_every_node() {
    let on_nodes = |selector: &str| {
        policy(
            "a",
            &format!("nodeSelector: {selector},"),
            "pfNames: [eth3]",
        )
    };
    for selector in [
        "{zone: 1.5}",
        "{zone: []}",
        "{zone: {}}",
        "{zone: [a]}",
        "{<<: {zone: a}}",
        "worker",
        "[worker]",
        "5",
    ] {
        is_off(&on_nodes(selector));
    }
    for (selector, labels) in [
        ("{zone: }", "{ zone = \"\" }"),
        ("{zone: ~}", "{ zone = \"\" }"),
        ("{zone: 010}", "{ zone = \"010\" }"),
        ("{zone: true}", "{ zone = \"true\" }"),
    ] {
        let text = on_nodes(selector);
        assert_eq!(pools(&text), [""; 0], "{text}");
        let labels = format!("node.labels = {labels}");
        assert!(imported(&text).text.contains(&labels), "{text}");
    }
    for everywhere in ["{}", "null"] {
        assert_eq!(pools(&on_nodes(everywhere)), ["a"], "{everywhere}");
    }
}

#[test]
fn digits_stay_as_they_are_written() {
    for digits in ["14e4", "10e8", "8086", "0010", "1e10"] {
        for quote in ["", "\"", "'"] {
            let selector =
                format!("vendor: {quote}{digits}{quote}, deviceID: {quote}{digits}{quote}");
            let text = imported(&policy("a", "", &selector)).text;
            for key in ["match.vendor", "match.device"] {
                assert!(text.contains(&format!("{key} = \"{digits}\"\n")), "{text}");
            }
        }
    }
}

fn entry(selectors: &str) -> String {
    format!(r#"{{"resourceList": [{{"resourceName": "a", "selectors": {selectors}}}]}}"#)
}

#[test]
fn a_device_plugins_selector_that_is_not_read_never_leaves_the_others_alone() {
    let with = |key: &str, value: &str| {
        let rest = if key == "vendors" {
            "linkTypes"
        } else {
            "vendors"
        };
        let rest = format!(
            r#""{rest}": ["{}"]"#,
            if key == "vendors" { "ether" } else { "8086" }
        );
        entry(&format!(r#"{{{rest}, "{key}": {value}}}"#))
    };
    assert_eq!(pools(&with("pfNames", r#"["eth3"]"#)), ["a"]);
    for key in [
        "vendors",
        "pfNames",
        "rootDevices",
        "linkTypes",
        "drivers",
        "devices",
        "pciAddresses",
        "acpiIndexes",
        "pKeys",
        "ddpProfiles",
        "vdpaType",
        "unheardOf",
    ] {
        let no_text = [
            r#"[["eth3"]]"#,
            r#"{"a": "b"}"#,
            r#"["\ud83d\ude00", {}]"#,
            "[[]]",
            "[null]",
        ];
        for value in no_text {
            is_off(&with(key, value));
        }
    }
    for (key, value) in [
        ("pfNames", r#"["eth?"]"#),
        ("pfNames", r#"[""]"#),
        ("vendors", r#"["8086", ["15b3"]]"#),
        ("linkTypes", r#"["ethernet"]"#),
        ("vdpaType", r#""virtio""#),
        ("devices", r#"["10ca"]"#),
        ("drivers", r#"["igbvf"]"#),
        ("pciAddresses", r#"["0000:01:10.0"]"#),
        ("isRdma", r#""true""#),
        ("needVhostNet", "1"),
    ] {
        is_off(&with(key, value));
    }
    for selectors in [
        "[]",
        "null",
        r#""eth3""#,
        r#"[{"pfNames": ["eth3"]}, "eth3"]"#,
    ] {
        is_off(&entry(selectors));
    }
    for (key, value) in [
        ("pfNames", "[]"),
        ("drivers", "null"),
        ("vdpaType", r#""""#),
    ] {
        let text = with(key, value);
        assert_eq!(pools(&text), ["a"], "{text}");
        assert_eq!(imported(&text).remarks, [""; 0], "{text}");
    }
    // Whatever is given twice, the last holds.
    let twice = r#"{"pfNames": ["eth9"], "pfNames": null, "vendors": ["8086"]}"#;
    is_off(&entry(twice));
}

#[test]
fn what_decides_about_vfs_and_cannot_be_read_switches_a_policy_off() {
    for more in [
        "priority: high,",
        "mtu: [9000],",
        "externallyManaged: \"yes\",",
        "deviceType: [vfio-pci],",
        "deviceType: any,",
        "deviceType: igb_uio,",
        "isRdma: 1,",
    ] {
        is_off(&policy("a", more, "pfNames: [eth3]"));
    }
    let no_number = policy("a", "", "pfNames: [eth3]").replace("numVfs: 4", "numVfs: 4.5");
    is_off(&no_number);
}

#[test]
fn a_policy_without_a_range_takes_the_first_vfs_and_no_more() {
    let text = policy("a", "", "pfNames: [eth3]");
    assert!(imported(&text).text.contains("vfs = \"0-3\""));
    let text = policy("a", "externallyManaged: true,", "pfNames: [eth3]");
    assert!(imported(&text).text.contains("vfs = \"0-3\""));
    let text = policy("a", "", "pfNames: [\"eth3#1-2\", eth4, eth3]");
    let imported = imported(&text);
    let names = "match.pf_name = [\"eth3#1-2\", \"eth4#0-3\"]";
    assert!(imported.text.contains(names), "{}", imported.text);
    assert!(imported.wrong.is_empty());
}

#[test]
fn any_json_is_read() {
    let deep = format!("{}1{}", "[".repeat(60), "]".repeat(60));
    for extra in [
        "\t\"a\": 1",
        "\"\\ud83d\\ude00\": \"\\/\\u0000\"",
        "\"a\": 1, \"a\": 2",
        "\"a\": 18446744073709551615",
        "\"a\": -1.5E+300",
        &format!("\"{}\": 1", "k".repeat(3000)),
        &format!("\"a\": {deep}"),
        "\"a\":\"#\",\"b\":\"- [\"",
    ] {
        let text = format!(
            "{{{extra},\"resourceList\"\n:[{{\"resourceName\":\"a\",\"selectors\":{{\"pfNames\":[\"eth3\"]}}}}]}}"
        );
        assert_eq!(pools(&text), ["a"], "{text}");
    }
    let two = entry(r#"{"pfNames": ["eth3"]}"#).repeat(2);
    assert_eq!(imported(&two).text.matches("[[policy]]").count(), 2);
}

#[test]
fn what_is_foreign_does_not_stop_what_is_known() {
    let known = policy("a", "", "pfNames: [eth3]");
    for foreign in [
        "kind: ConfigMap\nmetadata: {name: a}",
        "kind: ConfigMap\nmetadata: {name: a}\ndata: {a: \"{\", b: \"resources: [x]\", c: \"5\", d: [1]}",
        "kind: Secret",
        "kind: List\nitems: [5, null, {a: b}, {kind: Pod}]",
        "replicas: 3",
        "- a",
        "text",
    ] {
        let text = format!("{known}---\n{foreign}\n");
        assert_eq!(pools(&text), ["a"], "{text}");
        assert!(!imported(&text).remarks.is_empty(), "{text}");
    }
    for alone in ["replicas: 3", "- a", "text"] {
        assert!(import_text(Path::new("a.yaml"), alone).is_err(), "{alone}");
    }
}

/// Its key is the node that it is for.
#[test]
fn of_a_config_map_each_entry_stays_with_its_node() {
    let map = |data: &str| format!("kind: ConfigMap\nmetadata: {{name: a}}\ndata: {{{data}}}\n");
    let config = entry(r#"{"pfNames": ["eth3"]}"#);
    assert_eq!(pools(&map(&format!("config.json: '{config}'"))), ["a"]);
    for data in [
        format!("worker-1: '{config}'"),
        format!("worker-1: '{config}', worker-2: '{{'"),
        format!("worker-1: '{config}', worker-2: 5"),
        format!("\"*\": '{config}'"),
    ] {
        assert_eq!(pools(&map(&data)), [""; 0], "{data}");
    }
}

#[test]
fn networks_that_cannot_be_read_are_left_out() {
    let network = |spec: &str| {
        format!("kind: SriovNetwork\nmetadata: {{name: n}}\nspec: {{resourceName: r, {spec}}}\n")
    };
    for spec in [
        "vlan: ten",
        "vlan: [5]",
        "spoofChk: maybe",
        "trust: [on]",
        "minTxRate: 1.5",
    ] {
        let imported = imported(&network(spec));
        assert!(imported.wrong.is_empty(), "{}", imported.text);
        assert!(
            !imported.text.contains("\n[[network]]"),
            "{}",
            imported.text
        );
        assert!(imported.remarks.iter().any(|it| it.contains("left out")));
    }
    let text = imported(&network("logLevel: debug, logFile: /tmp/a")).text;
    let log = "plugin_config = { logFile = \"/tmp/a\", logLevel = \"debug\" }";
    assert!(text.contains(log), "{text}");
    assert!(
        !imported(&network("logLevel: info"))
            .text
            .contains("plugin_config")
    );
}

#[test]
fn what_a_value_holds_stays_in_its_value() {
    let text = policy("a", "", r#"vendor: "a\nb\"]\n[[policy]]""#);
    assert_eq!(set(&text).policies.len(), 1);
    let network = "kind: OVSNetwork\nmetadata: {name: n}\n\
                   spec: {resourceName: r, bridge: \"x'''\\n[[policy]]\"}\n";
    let set = set(network);
    assert_eq!((set.policies.len(), set.networks.len()), (0, 1));
}

/// Names of files and of entries, too, stand in comments.
#[test]
fn what_a_comment_quotes_stays_in_the_comment() {
    let policy = policy("a", "", "pfNames: [eth3]");
    let skipped =
        "kind: ConfigMap\nmetadata: {name: m}\ndata: {\"x\\u0010\\n[[policy]]\": \"5\"}\n";
    assert_eq!(set(&format!("{policy}---\n{skipped}")).policies.len(), 1);
    let config = entry(r#"{"pfNames": ["eth3"]}"#);
    let named =
        format!("kind: ConfigMap\nmetadata: {{name: m}}\ndata: {{\"a\\nb = 1\": '{config}'}}\n");
    assert!(imported(&named).text.contains("(a b = 1):1\n"));
    let imported = import_text(Path::new("a\nb = 1.yaml"), &policy).unwrap();
    assert!(file::parse(Path::new("a.toml"), &imported.text).is_ok());
}

/// What reads it goes down into it: without an end the stack would have one.
#[test]
fn what_is_nested_without_sense_is_refused() {
    let by_aliases = (1..9999).fold("- &0 []\n".to_owned(), |text, anchor| {
        text + &format!("- &{anchor} [*{}]\n", anchor - 1)
    });
    for deep in ["- ".repeat(50_000), "[".repeat(50_000), by_aliases] {
        let error = import_text(Path::new("a.yaml"), &deep).unwrap_err();
        let error = format!("{error:#}");
        assert!(error.starts_with("a.yaml: line "), "{error}");
        let limits = [
            "64 lists or tables in one another",
            "recursion limit exceeded",
        ];
        assert!(limits.iter().any(|limit| error.ends_with(limit)), "{error}");
    }
}
