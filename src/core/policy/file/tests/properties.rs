//! Whatever the text: no panic, and every error has a place in it.

use super::super::{FileContent, parse};
use crate::policy::Origin;
use crate::policy::check::{Read, check as judge};
use crate::policy::draft::Draft;
use proptest::prelude::*;
use serde_json::json;
use std::path::Path;

/// Pieces that get past the syntax often enough to reach the readers.
fn piece() -> impl Strategy<Value = String> {
    let header = prop::sample::select(vec![
        "[[policy]]",
        "[policy.match]",
        "[[policy.vf]]",
        "[policy.node]",
        "[[network]]",
        "[policy]",
        "[network.ipam]",
        "[[network.meta_plugins]]",
    ]);
    let key = prop::sample::select(vec![
        "version",
        "name",
        "num_vfs",
        "vfs",
        "external",
        "vlan",
        "vlan_qos",
        "vlan_proto",
        "min_tx_rate",
        "max_tx_rate",
        "mac",
        "index",
        "vendor",
        "pf_name",
        "match",
        "vf",
        "node",
        "labels",
        "config",
        "ipam",
        "capabilities",
        "resource",
        "type",
        "policy",
        "nmae",
        "\"a\\nb\"",
    ]);
    let value = prop::sample::select(vec![
        "1",
        "0",
        "-1",
        "65536",
        "99999999999999999999",
        "0x1F",
        "1.5",
        "nan",
        "true",
        "\"max\"",
        "\"0-3\"",
        "\"x#0-3\"",
        "\"é\\t\"",
        "\"{\"",
        "'''{\"type\":\"x\"}'''",
        "[]",
        "[1, \"a\"]",
        "{}",
        "{ a = 1 }",
        "[{ index = 1 }, { index = 1 }]",
        "2020-01-01",
        "\"stable\"",
        "\"a\"",
    ]);
    prop_oneof![
        header.prop_map(|header| format!("{header}\n")),
        (0..4).prop_map(|n| format!(
            "[[policy]]\nname = \"p{n}\"\nnum_vfs = 8\nmatch.vendor = \"8086\"\n"
        )),
        (0..4).prop_map(|n| format!("[[network]]\nname = \"n{n}\"\nresource = \"r\"\n")),
        (key, value).prop_map(|(key, value)| format!("{key} = {value}\n")),
        "[ -~é\n\r\t]{0,12}",
    ]
}

fn check(text: &str) -> Result<(), TestCaseError> {
    let found = match parse(Path::new("x.toml"), text) {
        Err(found) => found,
        Ok(content) => return same_as_json(text, content),
    };
    prop_assert!(found.iter().any(|diagnostic| diagnostic.is_error()));
    let lines: Vec<&str> = text.split('\n').collect();
    for diagnostic in found {
        let place = diagnostic.place.unwrap();
        let line = lines[place.line - 1];
        prop_assert!(
            place.column - 1 <= line.chars().count(),
            "{place:?} in {text:?}"
        );
        prop_assert!(place.width >= 1);
        prop_assert!(!diagnostic.message.is_empty());
        prop_assert!(
            !diagnostic
                .to_string()
                .contains(|c: char| c.is_control() && c != '\n')
        );
        prop_assert!(!diagnostic.one_line().contains(char::is_control));
    }
    Ok(())
}

/// What is right in TOML is right in JSON, and means the same.
fn same_as_json(text: &str, content: FileContent) -> Result<(), TestCaseError> {
    let document: toml::Table = toml::from_str(text).unwrap();
    let read: Read<Draft> = serde_json::from_value(json!(document)).unwrap();
    let origin = || Origin::File {
        file: "x.toml".into(),
        line: 0,
    };
    let other = judge(read, |_| origin());
    prop_assert!(other.is_ok(), "{other:?} of {text:?}");
    let Ok(other) = other else { return Ok(()) };
    let mut policies = content.policies;
    policies.iter_mut().for_each(|it| it.origin = origin());
    let mut networks = content.networks;
    networks.iter_mut().for_each(|it| it.origin = origin());
    prop_assert_eq!((policies, networks), (other.policies, other.networks));
    Ok(())
}

proptest! {
    #[test]
    fn any_text(text in any::<String>()) {
        check(&text)?;
    }

    #[test]
    fn nearly_a_policy_file(pieces in prop::collection::vec(piece(), 0..12)) {
        check(&pieces.concat())?;
    }
}

#[test]
fn many_errors_come_to_an_end() {
    let text: String = (0..1_000).map(|n| format!("key{n} = 1\n")).collect();
    let found = parse(Path::new("x.toml"), &text).unwrap_err();
    assert_eq!(found.len(), 51);
    let last = found.last().unwrap();
    assert_eq!(last.message, "more is wrong in this file than is shown");
    assert!(last.is_error());
}

#[test]
fn any_number_of_warnings_is_no_error() {
    let policy = |n| {
        format!(
            "[[policy]]\nname = \"p{n}\"\nnum_vfs = 1\nmatch.vendor = \"8086\"\ndevice_type = \"vfio_pci\"\n"
        )
    };
    let text: String = (0..100).map(policy).collect();
    let content = parse(Path::new("x.toml"), &text).unwrap();
    assert_eq!((content.policies.len(), content.warnings.len()), (100, 51));
}
