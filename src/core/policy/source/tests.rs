//! Every fault of a source has its place, and what is in order is read as a policy file would have it.

use super::*;
use crate::policy::{Network, Origin, file};
use serde_json::json;
use std::path::Path;

fn kube() -> SourceName {
    "kube".parse().unwrap()
}

fn document(value: &Value) -> SourceDocument {
    read(&kube(), value.to_string().as_bytes()).unwrap()
}

fn a_policy(more: &Value) -> Value {
    let mut policy = json!({"name": "p", "num_vfs": 4, "match": {"pf_name": "ens*"}});
    let more = more.as_object().unwrap().clone();
    policy.as_object_mut().unwrap().extend(more);
    policy
}

fn faults_of(item: &Value) -> Vec<String> {
    let document = document(item);
    let faults = document.items.iter().flat_map(|item| &item.faults);
    faults.map(ToString::to_string).collect()
}

#[test]
fn an_item_is_what_a_policy_file_with_the_same_keys_has() {
    let policy = json!({
        "name": "dataplane", "priority": 10, "resource": "intelnics", "num_vfs": 8, "vfs": "0-3",
        "mtu": 9000.0, "device_type": "vfio-pci", "trust": true, "spoof_check": false,
        "match": {"vendor": ["8086", "15b3"], "pf_name": "ens1f*"},
        "node": {"labels": {"a/b": "c"}},
        "vf": [{"index": 3, "vlan": 100, "mac": "02:00:00:00:00:01"}],
    });
    let network = json!({
        "name": "f1-u", "resource": "intelnics", "vlan": 100, "type": "sriov",
        "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.0.0.0/24"}]], "x": 1.5},
        "meta_plugins": [{"type": "tuning", "sysctl": {"a": "\u{7f}\u{1}\"\\é"}}],
    });
    let raw =
        json!({"name": "raw", "config": {"type": "macvlan", "ipam": {"type": "a", "b": null}}});
    let text = r#"
        [[policy]]
        name = "dataplane"
        priority = 10
        resource = "intelnics"
        num_vfs = 8
        vfs = "0-3"
        mtu = 9000
        device_type = "vfio-pci"
        trust = true
        spoof_check = false
        match = { vendor = ["8086", "15b3"], pf_name = "ens1f*" }
        node.labels = { "a/b" = "c" }
        [[policy.vf]]
        index = 3
        vlan = 100
        mac = "02:00:00:00:00:01"
        [[network]]
        name = "f1-u"
        resource = "intelnics"
        vlan = 100
        type = "sriov"
        ipam = { type = "host-local", ranges = [[{ subnet = "10.0.0.0/24" }]], x = 1.5 }
        meta_plugins = [{ type = "tuning", sysctl = { a = "\u007f\u0001\"\\é" } }]
        [[network]]
        name = "raw"
        config = '{"type": "macvlan", "ipam": {"type": "a", "b": null}}'
    "#;
    let of_file = file::parse(Path::new("f"), text).unwrap();
    let put = document(&json!({"policy": [policy], "network": [network, raw]}));
    let faults: Vec<_> = put.items.iter().flat_map(|item| &item.faults).collect();
    assert!(faults.is_empty(), "{faults:?}");
    let origin = Origin::Source {
        source: kube(),
        origin: None,
    };
    let mut policy = of_file.policies[0].clone();
    policy.origin = origin.clone();
    let networks = of_file.networks.into_iter();
    let networks = networks.map(|network| {
        let origin = origin.clone();
        ItemContent::Network(Box::new(Network { origin, ..network }))
    });
    let expected: Vec<_> = [ItemContent::Policy(Box::new(policy))]
        .into_iter()
        .chain(networks)
        .map(Some)
        .collect();
    let contents: Vec<_> = put.items.into_iter().map(|item| item.content).collect();
    assert_eq!(contents, expected);
}

#[test]
fn the_words_of_the_owner_are_its_origin() {
    let words = "SriovNetworkNodePolicy sriov-system/policy-1";
    let read = document(&json!({"policy": [a_policy(&json!({"origin": words}))]}));
    let Some(ItemContent::Policy(policy)) = &read.items[0].content else {
        panic!("{read:?}");
    };
    let shown = policy.origin.to_string();
    assert_eq!(shown, format!("{words} (source kube)"));
    let toml = file::parse(
        Path::new("f"),
        "[[policy]]\nname = \"p\"\norigin = \"x\"\nnum_vfs = 1\nmatch.pf_name = \"a\"\n",
    );
    toml.unwrap_err();
}

#[test]
fn every_fault_of_an_item_has_its_place() {
    let cases = [
        (
            json!({"trsut": true}),
            "/policy/0/trsut: unknown key \"trsut\" in this policy; did you mean \"trust\"?",
        ),
        (
            json!({"trust": "true"}),
            "/policy/0/trust: bad value for \"trust\": \"true\"; write true without quotation marks",
        ),
        (
            json!({"match": {"pf_name": ["ens1", 5]}}),
            "/policy/0/match/pf_name/1: bad value for \"pf_name\": 5; write \"5\" in quotation marks",
        ),
        (
            json!({"match": []}),
            "/policy/0/match: bad value for \"match\": a list; expected an object",
        ),
        (
            json!({"match": {"pf_name": "a", "trust": true}}),
            "/policy/0/match/trust: unknown key \"trust\" in [policy.match]; \"trust\" belongs one level up",
        ),
        (
            json!({"vf": [{"index": 1}, {"index": 1}]}),
            "/policy/0/vf/1/index: VF 1 is listed twice, first at /policy/0/vf/0/index",
        ),
        (
            json!({"vf": [{"a/b~c": 1, "index": 2}]}),
            "/policy/0/vf/0/a~1b~0c: unknown key \"a/b~c\" in [[policy.vf]]",
        ),
        (
            json!({"name": "../../etc/passwd"}),
            "/policy/0/name: bad value for \"name\": \"../../etc/passwd\"; expected a policy name",
        ),
        (
            json!({"origin": "a\nb"}),
            "/policy/0/origin: bad value for \"origin\": \"a\\nb\"; expected text of 1 to 256 characters",
        ),
        (
            json!({"num_vfs": 18_446_744_073_709_551_615_u64}),
            "/policy/0/num_vfs: bad value for \"num_vfs\"",
        ),
    ];
    for (more, expected) in cases {
        let policy = a_policy(&more);
        let found = faults_of(&json!({"policy": [policy]}));
        assert_eq!(found.len(), 1, "{more}: {found:?}");
        let found = found[0].replace("\\\\n", "\\n");
        assert!(found.starts_with(expected), "{more}: {found}");
    }
    let found = faults_of(&json!({"network": [5, {"name": "n"}]}));
    assert_eq!(
        found[0],
        "/network/0: this network is a number; expected an object"
    );
    assert!(
        found[1].starts_with("/network/1: this network has no \"resource\""),
        "{found:?}"
    );
}

#[test]
fn of_two_items_of_one_name_neither_counts() {
    let (one, other) = (a_policy(&json!({})), a_policy(&json!({"trust": true})));
    let put = json!({"policy": [one, a_policy(&json!({"name": "q"})), other]});
    let found = faults_of(&put);
    assert_eq!(
        found,
        [
            "/policy/0/name: a policy named \"p\" is also at /policy/2",
            "/policy/2/name: a policy named \"p\" is also at /policy/0"
        ]
    );
    let document = document(&put);
    let good: Vec<_> = document.items.iter().map(Item::is_good).collect();
    assert_eq!(good, [false, true, false]);
}

#[test]
fn what_cannot_be_told_apart_is_no_source() {
    let deep = format!("{{\"policy\": {}{}}}", "[".repeat(500), "]".repeat(500));
    let cases: [(&[u8], &str); 12] = [
        (b"", "this source: this is not JSON: EOF"),
        (
            b"{\"policy\": [{\"name\": \"a\"",
            "this source: this is not JSON: EOF",
        ),
        (b"[[policy]]", "this source: this is not JSON"),
        (b"\xff\xfe{}", "this source: this is not JSON"),
        (
            b"{} {}",
            "this source: this is not JSON: trailing characters",
        ),
        (
            b"[]",
            "this source: this is a list; expected an object with",
        ),
        (
            b"null",
            "this source: this is null; expected an object with",
        ),
        (
            b"{\"policy\": [], \"policy\": []}",
            "this source: this is not JSON: key \"policy\" is given twice",
        ),
        (
            b"{\"policies\": []}",
            "/policies: unknown key \"policies\" in this source; expected one of version, policy, network",
        ),
        (
            b"{\"policy\": {}}",
            "/policy: bad value for \"policy\": an object; expected a list of objects",
        ),
        (
            b"{\"version\": 2}",
            "/version: bad value for \"version\": 2; expected 1",
        ),
        (
            deep.as_bytes(),
            "this source: this is not JSON: recursion limit",
        ),
    ];
    for (text, expected) in cases {
        let shown = String::from_utf8_lossy(text)
            .chars()
            .take(60)
            .collect::<String>();
        let faults = read(&kube(), text).expect_err(&shown);
        assert!(
            faults[0].to_string().starts_with(expected),
            "{shown}: {}",
            faults[0]
        );
    }
}

#[test]
fn what_is_kept_reads_back_as_it_was_put() {
    let bad = json!({"name": "bad", "trust": "true", "origin": "x", "n": [1, 2.5, null]});
    let put = document(&json!({"network": [], "policy": [a_policy(&json!({})), bad]}));
    let again = read(&kube(), put.to_text().as_bytes()).unwrap();
    assert_eq!(again, put);
    assert_eq!(again.to_text(), put.to_text());
}
