//! Documents say what is so: policies in them are right, commands print what is shown, and lists are
//! complete. `UPDATE=1` rewrites what commands print.
//!
//! A policy whose block is led by its name in `/etc/sriov.d` belongs to the commands of its section.
//! `sriovctl plan`, `check` and `import` are run here, on the host of `tests/cases/fresh-nic`; all other
//! commands of docs/cookbook.md, and the blocks of README.md that install, are run by `tests/vm`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

mod document;
mod house;
mod lists;
mod manual;
mod policy_page;
mod reference;
mod switches;

use document::{Block, blocks, documents, root};
use sriovd_agent::api::ProblemDetails;
use sriovd_agent::settings::Settings;
use sriovd_core::policy::diagnostic::Diagnostic;
use sriovd_core::policy::file;
use sriovd_core::policy::source;
use std::fs;
use std::path::Path;
use std::process::Command;

const HOST: &str = "tests/cases/fresh-nic/snapshot.json";

fn all() -> impl Iterator<Item = Block> {
    documents().into_iter().flat_map(|name| blocks(&name))
}

fn of(language: &str) -> Vec<Block> {
    let blocks: Vec<_> = all().filter(|block| block.language == language).collect();
    assert!(!blocks.is_empty());
    blocks
}

#[test]
fn every_block_is_of_a_kind_that_is_tested() {
    for block in all() {
        let known = match block.language.as_str() {
            "toml" | "console" | "json" => true,
            // Run by tests/vm/packages.rs, and by tests/cluster/install.rs.
            "sh" => {
                matches!(block.file.as_str(), "README.md" | "docs/cluster.md")
                    && block.section.starts_with("Install")
            }
            // A kustomization on top of ours, rendered by tests/cluster/install.rs.
            "yaml" if block.file == "docs/cluster.md" => block.text.contains("kind: Kustomization"),
            // What another program's users have, and a command reads.
            "yaml" => block.file_name().is_some(),
            // Part of a scenario in a guest.
            "ini" => {
                let scenario = fs::read_to_string(root().join("tests/vm/vf_operator.rs"));
                scenario.unwrap().contains(block.text.trim())
            }
            // The picture.
            "" => !block.text.contains("$ ") && !block.text.contains("[["),
            _ => false,
        };
        assert!(known, "{}: {:?}", block.place(), block.language);
    }
}

#[test]
fn every_policy_and_every_setting_shown_is_right() {
    for block in of("toml") {
        let place = block.place();
        let shown = |found: Vec<Diagnostic>| -> String {
            let lines = found.iter().map(|it| format!("{it}\n"));
            format!("{place}\n{}", lines.collect::<String>())
        };
        let path = Path::new("it.toml");
        let settings = ["[outputs]", "[node]", "[limits]", "[api]", "[vf_operator]"];
        let warnings = if settings.iter().any(|it| block.text.contains(it)) {
            let parsed = Settings::parse(path, &block.text);
            parsed.map(|(_, warnings)| warnings)
        } else {
            file::parse(path, &block.text).map(|content| content.warnings)
        };
        let warnings = warnings.unwrap_or_else(|errors| panic!("{}", shown(errors)));
        assert!(warnings.is_empty(), "{}", shown(warnings));
    }
}

#[test]
fn every_configuration_shown_is_one_that_the_cni_plugin_takes() {
    let empty = tempfile::tempdir().unwrap();
    // What another program's users have is not for the plugin.
    let is_for_it = |it: &&Block| it.file_name().is_none() && !is_of_api(it);
    for block in of("json").iter().filter(is_for_it) {
        let variable = |name: &str| {
            let value = match name {
                "CNI_COMMAND" => "ADD",
                "CNI_CONTAINERID" | "CNI_IFNAME" => "any",
                "CNI_NETNS" => "/proc/self/ns/net",
                "CNI_PATH" => "/nowhere",
                _ => return None,
            };
            Some(value.into())
        };
        // Without addresses, which another plugin gives.
        let mut conf: serde_json::Value = serde_json::from_str(&block.text).unwrap();
        conf["ipam"].take();
        let answer = sriovd_plugins::cni::run(empty.path(), variable, conf.to_string().as_bytes());
        let place = block.place();
        // All that is missing is a host.
        assert!(
            answer.stdout.contains("pools.json is not there"),
            "{place}: {}",
            answer.stdout
        );
    }
}

fn is_of_api(block: &Block) -> bool {
    block.file == "docs/api.md"
}

#[test]
fn every_source_and_every_problem_shown_is_right() {
    for block in of("json").iter().filter(|it| is_of_api(it)) {
        let place = block.place();
        let shown: serde_json::Value = serde_json::from_str(&block.text).unwrap();
        if shown.get("policy").is_some() {
            let name = "cluster".parse().unwrap();
            let read = source::read(&name, block.text.as_bytes());
            let faults: Vec<_> = read.iter().flat_map(|it| it.faults()).collect();
            assert!(read.is_ok() && faults.is_empty(), "{place}: {faults:?}");
        } else {
            let problem: ProblemDetails = serde_json::from_value(shown.clone()).unwrap();
            assert_eq!(serde_json::to_value(problem).unwrap(), shown, "{place}");
        }
    }
}

#[test]
fn json_shown_is_json() {
    for block in of("json") {
        let parsed = serde_json::from_str::<serde_json::Value>(&block.text);
        assert!(parsed.is_ok(), "{}: {parsed:?}", block.place());
    }
}

#[test]
fn the_shipped_policy_matches_no_nic() {
    for entry in fs::read_dir(root().join("tests/cases")).unwrap() {
        let host = entry.unwrap().path().join("snapshot.json");
        if host.exists() {
            let host = host.to_str().unwrap();
            let command = format!("sriovctl plan --snapshot {host} --policy-dir conf/sriov.d");
            assert_eq!(run(&command, root()), "Nothing to do.\n", "{host}");
        }
    }
}

#[test]
fn commands_print_what_is_shown() {
    let mut differences = Vec::new();
    for block in of("console") {
        let policies = tempfile::tempdir().unwrap();
        for policy in blocks(&block.file) {
            if policy.section == block.section
                && let Some(name) = policy.file_name()
            {
                let name = Path::new(name).file_name().unwrap();
                fs::write(policies.path().join(name), &policy.text).unwrap();
            }
        }
        let now = block.commands().into_iter().map(|(command, shown)| {
            let output = if document::is_offline(&command) {
                run(&command, policies.path())
            } else {
                assert_eq!(
                    block.file,
                    "docs/cookbook.md",
                    "{}: {command}",
                    block.place()
                );
                shown
            };
            (command, output)
        });
        let now: Vec<_> = now.collect();
        if std::env::var_os("UPDATE").is_some_and(|it| !it.is_empty()) {
            document::replace_outputs(&block, &now);
        } else if now != block.commands() {
            differences.push(format!("{}: {now:#?}", block.place()));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// What a command prints, where it says nothing else with these policies on the known host.
fn run(command: &str, policies: &Path) -> String {
    let words: Vec<_> = command.split(' ').skip(1).collect();
    let policies = policies.to_str().unwrap();
    let of_the_host: &[&str] = match words[..] {
        ["plan"] => &["--snapshot", HOST, "--policy-dir", policies],
        ["plan", "--snapshot", _] => &["--policy-dir", policies],
        ["check"] => &["--snapshot", HOST, policies],
        _ => &[],
    };
    // Files of the section are at hand by their names alone.
    let directory = match words[..] {
        ["import", file] if !file.starts_with("tests/") => Path::new(policies),
        _ => root(),
    };
    let output = Command::new(sriovd_tests::binary("sriovctl"))
        .current_dir(directory)
        .args(words)
        .args(of_the_host)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{command}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn links_lead_to_files_that_are_there() {
    for name in documents() {
        let text = document::text(&name);
        let directory = root().join(&name).parent().unwrap().to_owned();
        for link in text.split("](").skip(1) {
            let target = link.split([')', '#']).next().unwrap();
            let elsewhere = target.contains("://") || target.is_empty();
            assert!(
                elsewhere || directory.join(target).exists(),
                "{name}: {target}"
            );
        }
    }
}
