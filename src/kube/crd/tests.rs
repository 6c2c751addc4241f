//! The definitions are those of the files, hold what the operator's hold, and are such as the API server takes.

use super::*;
use sriovd_core::model::VfAttribute;
use sriovd_core::model::attribute::Shape;
use sriovd_core::policy::draft::{NetworkDraft, PolicyDraft};
use sriovd_core::policy::reader::Table;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{env, fs};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/kubernetes/crds")
}

#[test]
fn the_files_are_what_the_types_say() {
    let wanted: BTreeMap<String, String> = KINDS
        .iter()
        .map(|kind| {
            (
                format!("{}.yaml", kind.full_name()),
                kind.as_yaml().unwrap(),
            )
        })
        .collect();
    let directory = directory();
    if env::var_os("UPDATE").is_some_and(|it| !it.is_empty()) {
        fs::create_dir_all(&directory).unwrap();
        for (name, text) in &wanted {
            fs::write(directory.join(name), text).unwrap();
        }
    }
    let entries = fs::read_dir(&directory).unwrap();
    let there: BTreeMap<String, String> = entries
        .map(|entry| {
            let entry = entry.unwrap();
            let text = fs::read_to_string(entry.path()).unwrap();
            (entry.file_name().into_string().unwrap(), text)
        })
        .collect();
    assert!(
        there == wanted,
        "UPDATE=1 cargo test -p sriovd-kube --lib rewrites packaging/kubernetes/crds"
    );
}

/// What a schema says of each field: type, limits, words, default.
fn fields(schema: &Value) -> BTreeMap<String, BTreeSet<String>> {
    fn walk(path: &str, schema: &Value, found: &mut BTreeMap<String, BTreeSet<String>>) {
        let words = |key: &str| -> Option<Vec<&str>> {
            schema[key]
                .as_array()?
                .iter()
                .map(Value::as_str)
                .collect::<Option<_>>()
        };
        let mut facts = BTreeSet::new();
        facts.insert(
            match schema["x-kubernetes-int-or-string"] == json!(true) {
                true => "int-or-string",
                false => schema["type"].as_str().unwrap_or("any"),
            }
            .to_owned(),
        );
        for limit in ["minimum", "maximum", "minLength", "maxLength"] {
            if let Some(number) = schema[limit].as_f64() {
                facts.insert(format!("{limit}={number}"));
            }
        }
        if let Some(words) = words("enum") {
            facts.insert(format!("enum={}", words.join("|")));
        }
        if let Some(mut keys) = words("required") {
            keys.sort_unstable();
            facts.insert(format!("required={}", keys.join("|")));
        }
        if let Some(default) = schema["default"].as_str() {
            facts.insert(format!("default={default}"));
        }
        let name = match path {
            "" => ".",
            path => path,
        };
        found.insert(name.to_owned(), facts);
        for (key, value) in schema["properties"].as_object().into_iter().flatten() {
            walk(&format!("{path}.{key}"), value, found);
        }
        if schema["items"].is_object() {
            walk(&format!("{path}[]"), &schema["items"], found);
        }
        if schema["additionalProperties"].is_object() {
            walk(
                &format!("{path}{{}}"),
                &schema["additionalProperties"],
                found,
            );
        }
    }
    let mut found = BTreeMap::new();
    walk("", schema, &mut found);
    found
}

/// A manifest for the operator must not lack what only we demand.
fn demand(facts: &BTreeSet<String>) -> Option<&String> {
    facts.iter().find(|fact| fact.starts_with("required="))
}

#[test]
fn every_field_of_the_operator_is_there_with_its_type_and_limits() {
    let ours: BTreeMap<&str, _> = KINDS
        .iter()
        .map(|kind| (kind.kind, fields(&(kind.schema)())))
        .collect();
    let theirs = include_str!("operator-fields.txt").lines();
    let mut compared = 0;
    let mut wrong = Vec::new();
    for line in theirs.filter(|line| !line.starts_with('#')) {
        let mut words = line.split(' ');
        let (kind, path) = (words.next().unwrap(), words.next().unwrap());
        let theirs: BTreeSet<String> = words.map(str::to_owned).collect();
        match ours[kind].get(path) {
            Some(ours) if ours.is_superset(&theirs) && demand(ours) == demand(&theirs) => {
                compared += 1;
            }
            ours => wrong.push(format!("{line}: {ours:?}")),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(compared > 250);
}

/// <https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema>
#[test]
fn the_api_server_can_take_the_schemas() {
    const WORDS: [&str; 16] = [
        "type",
        "description",
        "properties",
        "required",
        "items",
        "additionalProperties",
        "enum",
        "default",
        "format",
        "pattern",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
    ];
    fn check(path: &str, schema: &Value) {
        let entries = schema
            .as_object()
            .unwrap_or_else(|| panic!("{path}: {schema}"));
        for key in entries.keys() {
            assert!(
                WORDS.contains(&key.as_str()) || key.starts_with("x-kubernetes-"),
                "{path}: {key}"
            );
        }
        let is = |key: &str| schema[key] == json!(true);
        assert!(
            schema["type"].is_string()
                || is("x-kubernetes-int-or-string")
                || is("x-kubernetes-preserve-unknown-fields"),
            "{path} has no type"
        );
        assert!(
            schema["properties"].is_null() || schema["additionalProperties"].is_null(),
            "{path}"
        );
        let properties = schema["properties"].as_object().into_iter().flatten();
        for (key, value) in properties {
            let path = format!("{path}.{key}");
            assert!(value["description"].is_string(), "{path} is not described");
            check(&path, value);
        }
        for key in ["items", "additionalProperties"] {
            if !schema[key].is_null() {
                check(&format!("{path}.{key}"), &schema[key]);
            }
        }
    }
    for kind in &KINDS {
        check(kind.kind, &(kind.schema)());
    }
}

#[test]
fn our_kinds_have_the_keys_of_policy_files() {
    let spec = |kind: &str| -> BTreeSet<String> {
        let kind = KINDS.iter().find(|it| it.kind == kind).unwrap();
        let schema = (kind.schema)();
        let keys = schema["properties"]["spec"]["properties"]
            .as_object()
            .unwrap();
        keys.keys().cloned().collect()
    };
    let keys = |keys: Vec<&str>, beside: &[&str]| -> BTreeSet<String> {
        let keys = keys.into_iter().filter(|key| !beside.contains(key));
        keys.map(str::to_owned).collect()
    };
    assert_eq!(spec("Policy"), keys(PolicyDraft::keys(), &["name"]));
    assert_eq!(
        spec("Network"),
        keys(NetworkDraft::keys(), &["name", "namespace"])
    );
}

#[test]
fn the_operators_network_has_the_keys_that_the_table_of_attributes_gives_it() {
    let kind = KINDS.iter().find(|it| it.kind == "SriovNetwork").unwrap();
    let schema = (kind.schema)();
    let fields = &schema["properties"]["spec"]["properties"];
    for key in VfAttribute::keys() {
        let Some(name) = key.networks.and_then(|keys| keys.operator) else {
            continue;
        };
        let field = &fields[name];
        let fits = match key.takes.shape() {
            Shape::Switch => field["enum"] == json!(["on", "off"]),
            Shape::Mac => field["type"] == "string",
            Shape::Number { .. } => field["type"] == "integer" && field["minimum"] == json!(0),
            Shape::Word(words) => {
                let taken = field["enum"].as_array().into_iter().flatten();
                let taken: Vec<_> = taken.filter_map(Value::as_str).collect();
                words.iter().all(|word| taken.contains(word))
            }
        };
        assert!(fits, "{name} is {field}");
    }
}

#[test]
fn names_are_unique() {
    let names: BTreeSet<_> = KINDS.iter().flat_map(|it| [it.short, it.plural]).collect();
    assert_eq!(names.len(), 2 * KINDS.len());
}
