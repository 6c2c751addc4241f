//! What is carried over means what it meant: who wins, and which PFs are named.

use super::*;
use crate::model::Node;
use crate::policy::PolicySet;
use crate::policy::resolve::{Resolution, resolve};
use crate::sim::{DriverModel, SimPf};

fn imported(text: &str) -> Imported {
    import_text(Path::new("a.yaml"), text).unwrap()
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

#[test]
fn what_a_value_holds_stays_in_its_value() {
    let text = policy("a", "", r#"vendor: "a\nb\"]\n[[policy]]""#);
    assert_eq!(set(&text).policies.len(), 1);
    let network = "kind: OVSNetwork\nmetadata: {name: n}\n\
                   spec: {resourceName: r, bridge: \"x'''\\n[[policy]]\"}\n";
    let set = set(network);
    assert_eq!((set.policies.len(), set.networks.len()), (0, 1));
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
