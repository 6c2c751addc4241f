//! What sriovd is built from is what `deny.toml` allows. `cargo deny check` looks at more; this needs nothing but Cargo.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .current_dir(sriovd_tests::root())
        .args(arguments)
        .arg("--locked")
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

fn rules() -> toml::Table {
    let file = sriovd_tests::root().join("deny.toml");
    fs::read_to_string(file).unwrap().parse().unwrap()
}

fn texts(list: &toml::Value) -> BTreeSet<String> {
    let list = list.as_array().unwrap().iter();
    list.map(|it| it.as_str().unwrap().to_owned()).collect()
}

/// Every crate that takes part in a build, also those for tests.
fn packages() -> Vec<Value> {
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let metadata = [
        "metadata",
        "--format-version",
        "1",
        "--filter-platform",
        &platform,
    ];
    let metadata = cargo(&metadata);
    let mut metadata: Value = serde_json::from_str(&metadata).unwrap();
    let packages = metadata["packages"].as_array_mut().unwrap().drain(..);
    packages.filter(|it| !it["source"].is_null()).collect()
}

/// Whether what is allowed is enough for an SPDX expression. An older way to write "OR" is "/".
fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('/', " OR ");
    let any = |part: &str| part.split(" OR ").any(|it| allowed.contains(it.trim()));
    // Nobody nests deeper than this: a part in parentheses is a choice among others that all hold.
    match spaced.contains('(') || spaced.contains(" AND ") {
        true => spaced
            .split(" AND ")
            .all(|it| any(it.trim_matches(['(', ')', ' ']))),
        false => any(&spaced),
    }
}

#[test]
fn every_licence_is_one_that_we_can_give_on() {
    let allowed = texts(&rules()["licenses"]["allow"]);
    let packages = packages();
    assert!(packages.len() > 100);
    let licence = |it: &Value| it["license"].as_str().unwrap_or_default().to_owned();
    let foreign: Vec<_> = packages
        .iter()
        .filter(|it| !is_allowed(&licence(it), &allowed))
        .collect();
    let foreign: Vec<_> = foreign
        .iter()
        .map(|it| (&it["name"], licence(it)))
        .collect();
    assert!(foreign.is_empty(), "{foreign:#?}");
    for (expression, is) in [
        ("MIT OR GPL-2.0", true),
        ("GPL-2.0", false),
        ("MIT AND GPL-2.0", false),
        ("(GPL-2.0 OR ISC) AND MIT", true),
        ("Apache-2.0/GPL-2.0", true),
        ("", false),
    ] {
        assert_eq!(is_allowed(expression, &allowed), is, "{expression}");
    }
}

#[test]
fn every_crate_comes_from_where_it_may() {
    let allowed = texts(&rules()["sources"]["allow-registry"]);
    for package in packages() {
        let source = package["source"].as_str().unwrap_or_default();
        let registry = source.strip_prefix("registry+").unwrap_or_default();
        assert!(allowed.contains(registry), "{}: {source}", package["name"]);
    }
}

#[test]
fn nothing_is_linked_twice_but_what_must_be() {
    let tree = [
        "tree",
        "--edges",
        "normal,no-proc-macro",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ];
    let tree = cargo(&tree);
    let mut linked: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in tree.lines().filter(|line| !line.is_empty()) {
        let mut words = line.split(' ');
        let (name, version) = (words.next().unwrap(), words.next().unwrap());
        linked.entry(name).or_default().insert(version);
    }
    assert!(linked.contains_key("tokio"));
    let rules = rules();
    let excused = rules["bans"]["skip"].as_array().unwrap().iter();
    let excused: BTreeSet<_> = excused
        .map(|it| it["crate"].as_str().unwrap().split('@').next().unwrap())
        .collect();
    let twice = linked.iter().filter(|(_, versions)| versions.len() > 1);
    let twice: Vec<_> = twice.filter(|(name, _)| !excused.contains(*name)).collect();
    assert!(twice.is_empty(), "{twice:#?}");
}

/// The direct dependencies of all members with the rest of their lines in Cargo.toml.
fn direct() -> Vec<(String, String)> {
    let manifest = sriovd_tests::root().join("Cargo.toml");
    let text = fs::read_to_string(manifest).unwrap();
    let mut section = "";
    let mut direct = Vec::new();
    for line in text.lines() {
        if line.starts_with('[') {
            section = line;
        } else if section == "[workspace.dependencies]"
            && let Some((name, rest)) = line.split_once(" = ")
        {
            direct.push((name.to_owned(), rest.to_owned()));
        }
    }
    assert!(direct.len() > 50);
    direct
}

fn sources(directory: &Path, text: &mut String) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|it| it == "rs") {
            text.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_direct_dependency_has_its_reason() {
    for (name, rest) in direct() {
        let reason = rest.split_once(" # ").map_or("", |(_, reason)| reason);
        assert!(
            !reason.is_empty(),
            "Cargo.toml does not say what {name} is for"
        );
    }
}

#[test]
fn every_direct_dependency_is_used() {
    let root = sriovd_tests::root();
    let mut text = String::new();
    for directory in ["src", "tests", "benches"] {
        sources(&root.join(directory), &mut text);
    }
    // What prost, tonic and pbjson make of a protocol uses them.
    let generated = ["pbjson", "prost", "tonic-prost"];
    for (name, _) in direct() {
        let path = format!("{}::", name.replace('-', "_"));
        let preceded = |at: usize| text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let is_used = text.match_indices(&path).any(|(at, _)| !preceded(at));
        assert!(
            is_used || generated.contains(&name.as_str()),
            "nothing uses {name}"
        );
    }
}

/// Clippy holds our own use of the standard library to `rust-version` (`incompatible_msrv`).
#[test]
fn no_crate_needs_a_newer_rust_than_we_say() {
    let number =
        |text: &str| -> Vec<u32> { text.split('.').map(|it| it.parse().unwrap()).collect() };
    let ours = number(env!("CARGO_PKG_RUST_VERSION"));
    for package in packages() {
        let Some(theirs) = package["rust_version"].as_str() else {
            continue;
        };
        assert!(
            number(theirs)[..2] <= ours[..2],
            "{} needs Rust {theirs}",
            package["name"]
        );
    }
}

/// The walls of the house: each member with the members that it may use, and with crates that it must not link, not even by way
/// of others.
const WALLS: &[(&str, &[&str], &[&str])] = &[
    (
        "sriovd-core",
        &[],
        &[
            "libudev-sys",
            "netlink-packet-core",
            "netlink-sys",
            "nix",
            "rtnetlink",
            "rustix",
            "socket2",
            "tokio",
            "tracing",
            "udev",
        ],
    ),
    (
        "sriovd-sim",
        &["sriovd-core"],
        &[
            "libudev-sys",
            "netlink-packet-core",
            "netlink-sys",
            "nix",
            "rtnetlink",
            "rustix",
            "socket2",
            "tokio",
            "tracing",
            "udev",
        ],
    ),
    (
        "sriovd-host",
        &["sriovd-core"],
        &["axum", "hyper", "rustls", "tokio", "tonic", "tracing"],
    ),
    (
        "sriovd-wire",
        &["sriovd-core"],
        &["libudev-sys", "netlink-sys", "rtnetlink", "tonic", "udev"],
    ),
    (
        "sriovd-plugins",
        &["sriovd-core", "sriovd-host"],
        &[
            "axum",
            "clap",
            "futures",
            "hyper",
            "rtnetlink",
            "rustls",
            "tokio",
            "tonic",
            "tracing",
        ],
    ),
    (
        "sriovd-agent",
        &[
            "sriovd-core",
            "sriovd-host",
            "sriovd-plugins",
            "sriovd-sim",
            "sriovd-wire",
        ],
        &["kube", "tonic"],
    ),
    (
        "sriovd-ctl",
        &[
            "sriovd-agent",
            "sriovd-core",
            "sriovd-host",
            "sriovd-sim",
            "sriovd-wire",
        ],
        &["kube", "tonic"],
    ),
    (
        "sriovd-vf-operator",
        &["sriovd-core", "sriovd-wire"],
        &["kube", "libudev-sys", "netlink-sys", "rtnetlink", "udev"],
    ),
    (
        "sriovd-kube",
        &["sriovd-core", "sriovd-wire"],
        &["libudev-sys", "netlink-sys", "rtnetlink", "udev"],
    ),
    ("sriovd-tests", &[], &[]),
];

#[test]
fn members_use_and_link_only_what_they_may() {
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--format-version", "1"])).unwrap();
    let ids = |list: &Value| -> Vec<String> {
        let list = list.as_array().unwrap().iter();
        list.map(|it| it.as_str().unwrap().to_owned()).collect()
    };
    let packages = metadata["packages"].as_array().unwrap().iter();
    let names: BTreeMap<&str, &str> = packages
        .map(|it| (it["id"].as_str().unwrap(), it["name"].as_str().unwrap()))
        .collect();
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap().iter();
    let links: BTreeMap<&str, Vec<&str>> = nodes
        .map(|node| {
            let all = node["deps"].as_array().unwrap().iter();
            let is_linked = |it: &&Value| {
                let kinds = it["dep_kinds"].as_array().unwrap();
                kinds.iter().any(|kind| kind["kind"].is_null())
            };
            let linked = all.filter(is_linked).map(|it| it["pkg"].as_str().unwrap());
            (node["id"].as_str().unwrap(), linked.collect())
        })
        .collect();
    let members = ids(&metadata["workspace_members"]);
    let told: BTreeSet<_> = WALLS.iter().map(|(member, ..)| *member).collect();
    let there: BTreeSet<_> = members.iter().map(|id| names[id.as_str()]).collect();
    assert_eq!(there, told);
    for (member, may, never) in WALLS {
        let id = members
            .iter()
            .find(|id| names[id.as_str()] == *member)
            .unwrap();
        let used = links[id.as_str()].iter().map(|id| names[id]);
        let used: BTreeSet<_> = used.filter(|name| told.contains(name)).collect();
        assert_eq!(used, may.iter().copied().collect(), "{member}");
        let tree = [
            "tree",
            "--package",
            member,
            "--edges",
            "normal,no-proc-macro",
            "--prefix",
            "none",
        ];
        let tree = cargo(&tree);
        let linked: BTreeSet<_> = tree
            .lines()
            .filter_map(|line| line.split(' ').next())
            .collect();
        let wrong: Vec<_> = never
            .iter()
            .filter(|name| linked.contains(**name))
            .collect();
        assert!(wrong.is_empty(), "{member} links {wrong:?}");
    }
}
