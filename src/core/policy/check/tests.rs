//! The same judgement whatever a draft comes from; in JSON the place of a fault is a pointer.

use super::{Judged, Read, check};
use crate::policy::draft::{Draft, PolicyDraft};
use crate::policy::reader::Fault;
use crate::policy::{NumVfs, Origin};
use serde_json::{Value, json};
use std::path::PathBuf;

fn nowhere() -> Origin {
    Origin::File {
        file: PathBuf::new(),
        line: 0,
    }
}

fn judged(text: &str) -> Result<Judged, Vec<String>> {
    let read: Read<Draft> = serde_json::from_str(text).unwrap();
    let told = |fault: &Fault| format!("{}: {fault}", fault.path);
    check(read, |_| nowhere()).map_err(|faults| faults.iter().map(told).collect())
}

fn policy(keys: &Value) -> Value {
    let mut policy = json!({"name": "p", "num_vfs": 8, "match": {"vendor": "8086"}});
    let all = policy.as_object_mut().unwrap();
    all.extend(keys.as_object().unwrap().clone());
    policy
}

#[test]
fn json_with_the_keys_of_a_file_is_a_policy_like_it() {
    let nothing = json!({"mtu": null, "vf": [], "num_vfs": "max"});
    let content = judged(&json!({"policy": [policy(&nothing)]}).to_string()).unwrap();
    let [policy] = content.policies.as_slice() else {
        panic!("{content:?}");
    };
    assert_eq!((policy.mtu, policy.num_vfs), (None, Some(NumVfs::Max)));
    assert_eq!(judged("{}").unwrap(), Judged::default());
}

#[test]
fn every_fault_of_json_points_to_its_place() {
    let text = json!({
        "polices": [],
        "policy": [
            policy(&json!({"truts": true, "mtu": "9000", "vlan_qos": 3, "vfs": 3, "num_vfs": 8.0})),
            3,
            policy(&json!({"vf": [{"index": 1}, {"trust": 1}, {"index": 1}]})),
            {"name": "q", "match": {"priority": 1, "device": ["1572", 7]}},
        ],
        "network": {"name": "n"},
    });
    let expected = [
        "/network: bad value for \"network\": a table; expected a list of tables",
        "/polices: unknown key \"polices\" in this file; did you mean \"policy\"?",
        "/policy/0/mtu: bad value for \"mtu\": \"9000\"; write 9000 without quotation marks",
        "/policy/0/num_vfs: bad value for \"num_vfs\": 8.0; expected a number from 0 to 65535, or \"max\"",
        "/policy/0/truts: unknown key \"truts\" in this policy; did you mean \"trust\"?",
        "/policy/0/vfs: bad value for \"vfs\": 3; write \"3\" in quotation marks",
        "/policy/0/vlan_qos: \"vlan_qos\" has no effect without \"vlan\"; give a \"vlan\" from 1 to 4094",
        "/policy/1: bad value for \"policy\": 3; expected a table",
        "/policy/2/name: a policy named \"p\" is already at /policy/0/name",
        "/policy/2/vf/1/trust: bad value for \"trust\": 1; expected true or false",
        "/policy/2/vf/1: [[policy.vf]] has no \"index\"; expected the number of a VF, counted from 0",
        "/policy/2/vf/2/index: VF 1 is listed twice, first at /policy/2/vf/0/index",
        "/policy/3/match/device/1: bad value for \"device\": 7; expected a PCI id of four hexadecimal digits such as 8086",
        "/policy/3/match/priority: unknown key \"priority\" in [policy.match]; \"priority\" must stand above the header of this table",
        "/policy/3: this policy has no \"num_vfs\"; expected num_vfs = a number or \"max\", or external = true",
    ];
    let mut found = judged(&text.to_string()).unwrap_err();
    found.sort();
    let mut expected: Vec<_> = expected.map(str::to_owned).into();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn what_json_gives_twice_is_told() {
    let text =
        r#"{"policy": [{"name": "p", "num_vfs": 1, "num_vfs": 2, "match": {"vendor": "8086"}}]}"#;
    let expected = "/policy/0/num_vfs: key \"num_vfs\" is given twice";
    assert_eq!(judged(text).unwrap_err(), [expected]);
    let odd = r#"{"policy": [], "a/b~c": 1}"#;
    let found = judged(odd).unwrap_err();
    assert!(found[0].starts_with("/a~1b~0c: unknown key"), "{found:?}");
}

#[test]
fn an_item_is_judged_on_its_own() {
    let read: Read<PolicyDraft> = serde_json::from_value(policy(&json!({"mtu": 9000}))).unwrap();
    let (policy, warnings) = super::policy(read, nowhere()).unwrap();
    assert_eq!((policy.name.as_str(), warnings.len()), ("p", 0));
    for (bad, path) in [
        (json!({"mtu": 1}), "/mtu"),
        (json!([]), ""),
        (json!({"name": "p"}), ""),
    ] {
        let read: Read<PolicyDraft> = serde_json::from_value(bad).unwrap();
        let faults = super::policy(read, nowhere()).unwrap_err();
        assert_eq!(faults[0].path.to_string(), path);
    }
}
