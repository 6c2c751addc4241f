//! Schemas hold what is shipped, documented and printed, and refuse what the parser refuses.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

use jsonschema::Validator;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    sriovd_tests::root()
}

fn printed(directory: &Path, arguments: &[&str]) -> Value {
    let output = Command::new(sriovd_tests::binary("sriovctl"))
        .current_dir(directory)
        .args(arguments)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("{arguments:?}: {text}"))
}

fn schema(name: &str) -> Validator {
    let schema = printed(root(), &["schema", name]);
    assert_eq!(
        schema["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
    jsonschema::validator_for(&schema).unwrap()
}

fn assert_valid(schema: &Validator, value: &Value, what: &str) {
    let errors = schema.iter_errors(value);
    let errors: Vec<_> = errors
        .map(|it| format!("{}: {it}", it.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{what}: {}", errors.join("\n"));
}

fn toml(text: &str) -> Value {
    serde_json::to_value(toml::from_str::<toml::Table>(text).unwrap()).unwrap()
}

fn cases() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("tests/cases")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.join("snapshot.json").exists())
        .collect()
}

#[test]
fn policy_files_that_are_right_are_right_by_the_schema() {
    let schema = schema("policy");
    let page = fs::read_to_string(root().join("docs/policy.md")).unwrap();
    let examples: Vec<_> = page.split("```toml\n").skip(1).collect();
    assert!(examples.len() > 2);
    for example in examples {
        let example = example.split("```").next().unwrap();
        assert_valid(&schema, &toml(example), example);
    }
    for case in cases() {
        // One holds a mistake, which is what it is for.
        let right = case.file_name().unwrap() != "check-finds-all";
        for entry in fs::read_dir(&case).unwrap() {
            let path = entry.unwrap().path();
            if right && path.extension().is_some_and(|it| it == "toml") {
                let text = fs::read_to_string(&path).unwrap();
                assert_valid(&schema, &toml(&text), &path.display().to_string());
            }
        }
    }
}

#[test]
fn policy_files_that_are_wrong_are_wrong_by_the_schema() {
    let schema = schema("policy");
    let good = "[[policy]]\nname = \"a\"\nnum_vfs = 2\nmatch.vendor = \"8086\"\n";
    assert!(schema.is_valid(&toml(good)));
    for wrong in [
        "polcy = 1\n".to_owned(),
        good.replace("num_vfs", "num_vf"),
        good.replace("num_vfs = 2", "num_vfs = \"most\""),
        good.replace("num_vfs = 2", "num_vfs = 2\ntrust = \"yes\""),
        good.replace("num_vfs = 2", "num_vfs = 2\nlink_state = \"up\""),
        good.replace("num_vfs = 2", "num_vfs = 2\nmac = \"02:00:00:00:00:01\""),
        good.replace("match.vendor", "match.vendr"),
        good.replace("name = \"a\"\n", ""),
        format!("{good}[[policy.vf]]\nvlan = 1\n"),
        format!("{good}[[network]]\nname = \"n\"\nresource = \"r\"\ntype = \"bridge\"\n"),
    ] {
        assert!(!schema.is_valid(&toml(&wrong)), "{wrong}");
    }
}

#[test]
fn the_settings_that_are_shipped_are_right_and_others_wrong() {
    let schema = schema("agent");
    let shipped = fs::read_to_string(root().join("conf/sriovd.toml")).unwrap();
    assert_valid(&schema, &toml(&shipped), "conf/sriovd.toml");
    assert!(schema.is_valid(&json!({"log_level": "debug", "outputs": {"cni": false}})));
    for wrong in [
        json!({"log_levl": "debug"}),
        json!({"log_level": "loud"}),
        json!({"outputs": {"cni": "no"}}),
        json!({"node": {"labels": {"rack": 3}}}),
    ] {
        assert!(!schema.is_valid(&wrong), "{wrong}");
    }
}

#[test]
fn what_is_printed_is_as_its_schema_says() {
    let commands: [(&str, &[&str]); 5] = [
        ("list", &["list"]),
        ("plan", &["plan"]),
        ("draw", &["draw"]),
        ("show", &["show"]),
        ("explain", &["explain"]),
    ];
    let elsewhere = ["--json", "--snapshot", "snapshot.json", "--policy-dir", "."];
    for (name, words) in commands {
        let schema = schema(name);
        for case in cases() {
            if case.file_name().unwrap() == "check-finds-all" {
                continue;
            }
            let host: Value =
                serde_json::from_slice(&fs::read(case.join("snapshot.json")).unwrap()).unwrap();
            let address = host["pfs"]
                .as_object()
                .unwrap()
                .keys()
                .next()
                .unwrap()
                .clone();
            let subject = match name {
                "show" | "explain" => vec![address.as_str()],
                _ => Vec::new(),
            };
            let value = printed(&case, &[words, &subject, &elsewhere].concat());
            assert_valid(&schema, &value, &format!("{name} in {}", case.display()));
        }
        assert!(!schema.is_valid(&json!({"pfs": 1, "kind": 2})), "{name}");
    }
    let case = root().join("tests/cases/networks");
    for subject in [
        "policy:dataplane",
        "network:f1-u",
        "network:dataplane",
        "enp1s0#1",
    ] {
        let value = printed(&case, &[&["explain", subject][..], &elsewhere].concat());
        assert_valid(&schema("explain"), &value, subject);
    }
    let value = printed(&case, &[&["show", "enp1s0#1"][..], &elsewhere].concat());
    assert_valid(&schema("show"), &value, "a VF");
}

#[test]
fn snapshots_and_findings_are_as_their_schemas_say() {
    let (snapshot, check) = (schema("snapshot"), schema("check"));
    for case in cases() {
        let text = fs::read(case.join("snapshot.json")).unwrap();
        let shown = case.display().to_string();
        assert_valid(&snapshot, &serde_json::from_slice(&text).unwrap(), &shown);
    }
    let case = root().join("tests/cases/check-finds-all");
    let found = printed(
        &case,
        &["check", "--json", "--snapshot", "snapshot.json", "."],
    );
    assert_eq!(found["errors"], 1);
    assert_valid(&check, &found, "check");
}

#[test]
fn pools_for_the_container_plugins_are_as_their_schema_says() {
    let schema = schema("pools");
    for case in cases() {
        let words = [
            "render",
            "pools",
            "--snapshot",
            "snapshot.json",
            "--policy-dir",
            ".",
        ];
        if case.file_name().unwrap() != "check-finds-all" {
            assert_valid(
                &schema,
                &printed(&case, &words),
                &case.display().to_string(),
            );
        }
    }
    assert!(!schema.is_valid(&json!({"managedBy": "sriovd", "pools": {}})));
}
