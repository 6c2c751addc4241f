//! The rules of the house, checked on the tree: what a file begins with, how long it may be, which
//! module may use which, and what must not be written anywhere.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

#[path = "shape/files.rs"]
mod files;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Modules from the bottom up, each with those that it may use.
const MODULES: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("policy", &["model"]),
    ("wire", &["model", "policy"]),
    ("file", &[]),
    ("load", &["model", "policy", "file"]),
    ("settings", &["model", "policy", "wire", "load"]),
    ("report", &["model", "policy"]),
    ("plan", &["model", "policy", "report"]),
    ("render", &["model", "policy", "report"]),
    ("memory", &["model", "policy", "report", "plan"]),
    ("host", &["model", "file"]),
    ("publish", &["render", "file"]),
    ("state", &["model", "policy", "report", "memory", "file"]),
    ("attach", &["model", "host", "file"]),
    ("cni", &["model", "host", "attach"]),
    ("netavark", &["model", "host", "attach"]),
    ("events", &["model", "wire", "host"]),
    ("reconcile", &["model", "policy", "report", "plan", "host"]),
    (
        "sim",
        &[
            "model",
            "policy",
            "report",
            "plan",
            "memory",
            "host",
            "reconcile",
        ],
    ),
    (
        "api",
        &[
            "model", "policy", "wire", "report", "render", "memory", "file", "host", "state", "sim",
        ],
    ),
    ("vf_operator", &["model", "policy", "wire"]),
    (
        "daemon",
        &[
            "model",
            "policy",
            "load",
            "settings",
            "report",
            "plan",
            "render",
            "memory",
            "host",
            "file",
            "publish",
            "state",
            "events",
            "reconcile",
            "attach",
            "api",
        ],
    ),
    ("kube", &["model", "policy", "wire", "report", "render"]),
    (
        "ctl",
        &[
            "model", "policy", "wire", "load", "settings", "report", "render", "memory", "host",
            "file", "publish", "state", "sim", "api", "daemon",
        ],
    ),
];

/// Those that decide.
const PURE: &[&str] = &[
    "model", "policy", "settings", "report", "plan", "render", "memory", "forecast",
];

const LONGEST: usize = 400;

fn root() -> &'static Path {
    sriovd_tests::root()
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_symlink() || [".git", "target"].contains(&name) {
            continue;
        }
        match path.is_dir() {
            true => files.extend(files_below(&path)),
            false => files.push(path),
        }
    }
    files.sort();
    files
}

fn sources(directory: &str) -> BTreeMap<String, String> {
    let files = files_below(&root().join(directory)).into_iter();
    let rust = files.filter(|file| file.extension().is_some_and(|it| it == "rs"));
    rust.map(|file| {
        let name = file.strip_prefix(root()).unwrap().display().to_string();
        (name, fs::read_to_string(file).unwrap())
    })
    .collect()
}

fn is_test(file: &str) -> bool {
    file.ends_with("/tests.rs") || file.contains("/tests/")
}

/// Without comments, and without the tests at its end.
fn code(text: &str) -> String {
    let before_tests = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = before_tests.lines();
    let code = lines.filter(|line| !line.trim_start().starts_with("//"));
    code.collect::<Vec<_>>().join("\n")
}

/// Members that are one module each.
const OF_ONE_MODULE: &[&str] = &[
    "src/ctl/",
    "src/kube/",
    "src/sim/",
    "src/host/",
    "src/vf_operator/",
    "src/wire/",
];

/// The module that a file belongs to, in whatever member; `None` for what stands above all modules of its member.
fn module_of(file: &str) -> Option<&str> {
    let path = file.strip_prefix("src/").unwrap();
    let mut names = path.split(['/', '.']);
    let member = names.next().unwrap();
    let module = names.next().unwrap();
    match (member, module) {
        (_, "lib" | "main" | "build" | "bin") => None,
        ("agent" | "core" | "plugins", module) | ("host", module @ "file") => Some(module),
        (member, _) => Some(member),
    }
}

/// The modules that a text names, of this member and of others.
fn used<'c>(file: &str, code: &'c str) -> BTreeSet<&'c str> {
    let named = |prefix: &'static str, of: fn(&str) -> Option<&'static str>| {
        code.split(prefix).skip(1).map(move |rest| {
            let end = rest.find(|c: char| c != '_' && !c.is_ascii_alphanumeric());
            let name = &rest[..end.unwrap_or(rest.len())];
            of(name).unwrap_or(name)
        })
    };
    let is_one = OF_ONE_MODULE.iter().any(|it| file.starts_with(it));
    let own = named("crate::", |_| None).filter(move |it| !is_one || *it == "file");
    own.chain(named("sriovd_core::", |_| None))
        .chain(named("sriovd_agent::", |_| None))
        .chain(named("sriovd_plugins::", |_| None))
        .chain(named("sriovd_sim::", |_| Some("sim")))
        .chain(named("sriovd_wire::", |_| Some("wire")))
        .chain(named("sriovd_host::", |it| {
            (it != "file").then_some("host")
        }))
        .collect()
}

#[test]
fn every_file_says_first_what_it_is_for() {
    for (file, text) in sources("src").into_iter().chain(sources("tests")) {
        assert!(text.starts_with("//! "), "{file}");
    }
}

#[test]
fn no_file_is_longer_than_a_head_can_hold() {
    for (file, text) in sources("src") {
        let lines = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let lines = lines.lines().count();
        assert!(
            is_test(&file) || lines <= LONGEST,
            "{file} has {lines} lines"
        );
    }
}

#[test]
fn modules_use_only_what_they_may() {
    let allowed: BTreeMap<_, _> = MODULES.iter().copied().collect();
    let mut needed: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (file, text) in sources("src") {
        let Some(module) = module_of(&file).filter(|_| !is_test(&file)) else {
            continue;
        };
        let (&module, &may) = allowed.get_key_value(module).expect(&file);
        let code = code(&text);
        for used in used(&file, &code) {
            if let Some((&used, _)) = allowed.get_key_value(used).filter(|(it, _)| **it != module) {
                assert!(may.contains(&used), "{file} uses {used}");
                needed.entry(module).or_default().insert(used);
            }
        }
        assert!(
            OF_ONE_MODULE.iter().any(|it| file.starts_with(it)) || !code.contains("crate::{"),
            "{file}: one use for each module"
        );
    }
    // A permission that nobody needs is one that nobody noticed going.
    for (module, may) in MODULES {
        let needed = needed.remove(module).unwrap_or_default();
        assert_eq!(needed, may.iter().copied().collect(), "{module}");
    }
}

fn members() -> Vec<String> {
    let members = fs::read_dir(root().join("src")).unwrap();
    let names = members.map(|it| it.unwrap().file_name().into_string().unwrap());
    names.collect()
}

#[test]
fn files_of_a_member_use_each_other_in_one_direction() {
    let sources = sources("src");
    for member in members() {
        let circle = files::circle(&files::uses(&member, &sources));
        let circle = circle.join(" uses ");
        assert!(
            circle.is_empty(),
            "{member} (its library is \"\"): {circle}"
        );
    }
}

/// Modules of functions over a value: no object grows over all their files.
const OF_FUNCTIONS: &[&str] = &["api", "attach", "cni", "daemon", "netavark"];

#[test]
fn a_type_has_its_functions_in_one_file() {
    for module in OF_FUNCTIONS {
        for (name, files) in files::implementations(module, &sources("src")) {
            assert!(files.len() < 2, "{name} is spread over {files:?}");
        }
    }
}

/// Types that have the name of another one of their member, each with the need for it.
const NAMED_TWICE: &[(&str, &str)] = &[
    // What other programs wrote has items and nodes, too, in modules of their own.
    ("core", "Item"),
    ("core", "Node"),
];

#[test]
fn no_type_of_a_member_has_the_name_of_another() {
    let mut named: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for (file, text) in sources("src")
        .into_iter()
        .filter(|(file, _)| !is_test(file))
    {
        let member = file.split('/').nth(1).unwrap().to_owned();
        for name in files::visible_types(&text) {
            let of_name = named.entry((member.clone(), name)).or_default();
            of_name.push(file.clone());
        }
    }
    let twice = named.into_iter().filter(|(_, files)| files.len() > 1);
    for ((member, name), files) in twice {
        let is_needed = NAMED_TWICE.contains(&(&member, &name));
        assert!(is_needed, "{member}: {name} is in {files:?}");
    }
}

#[test]
fn the_loop_is_on_one_screen() {
    let text = fs::read_to_string(root().join("src/agent/daemon/turn.rs")).unwrap();
    let lines = text.lines().count();
    assert!(lines <= 80, "{lines} lines");
}

#[test]
fn modules_stand_in_the_library_in_the_order_of_their_use() {
    let modules: Vec<_> = MODULES.iter().map(|(module, _)| *module).collect();
    for library in ["src/agent/lib.rs", "src/core/lib.rs", "src/plugins/lib.rs"] {
        let text = fs::read_to_string(root().join(library)).unwrap();
        let declared = text
            .lines()
            .filter_map(|line| line.strip_prefix("pub mod "))
            .map(|name| name.trim_end_matches(';'));
        let declared: Vec<_> = declared.filter(|it| modules.contains(it)).collect();
        let wanted = modules.iter().filter(|it| declared.contains(it));
        let wanted: Vec<_> = wanted.copied().collect();
        assert_eq!(declared, wanted, "{library}");
    }
    for (at, (module, may)) in MODULES.iter().enumerate() {
        let below = &modules[..at];
        assert!(may.iter().all(|used| below.contains(used)), "{module}");
    }
}

#[test]
fn decisions_are_kept_pure_by_a_lint() {
    for module in PURE {
        let places = ["core", "sim", "agent"].map(|it| root().join("src").join(it));
        let mut files = places.iter().map(|it| match it.ends_with(module) {
            true => it.join("lib.rs"),
            false => it.join(format!("{module}.rs")),
        });
        let file = files.find(|file| file.exists()).expect(module);
        let text = fs::read_to_string(file).unwrap();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let lint = "#![deny( clippy::disallowed_methods, clippy::disallowed_types, clippy::disallowed_macros )]";
        assert!(text.contains(lint), "{module}");
    }
    let exceptions = sources("src").into_iter().filter(|(file, text)| {
        module_of(file).is_some_and(|it| PURE.contains(&it)) && text.contains("#![allow(")
    });
    let exceptions: Vec<_> = exceptions.map(|(file, _)| file).collect();
    assert_eq!(exceptions, Vec::<String>::new());
}

#[test]
fn nothing_is_left_to_be_done_later() {
    let marks = [["TO", "DO"], ["FIX", "ME"], ["unimpl", "emented!"]].map(|mark| mark.concat());
    for (file, text) in sources("src").into_iter().chain(sources("tests")) {
        for mark in &marks {
            assert!(!text.contains(mark), "{file}: {mark}");
        }
    }
}

/// What is written here is read elsewhere.
#[test]
fn no_path_of_the_machine_is_written_down() {
    let home = std::env::var("HOME").unwrap_or_default();
    let here = root().display().to_string();
    let paths = [here, format!("{home}/.c"), ["/ho", "me/"].concat()];
    let paths: Vec<_> = paths.iter().filter(|path| path.len() > 4).collect();
    for file in files_below(root()) {
        let text = String::from_utf8_lossy(&fs::read(&file).unwrap()).into_owned();
        for path in &paths {
            assert!(!text.contains(*path), "{} names {path}", file.display());
        }
    }
}
