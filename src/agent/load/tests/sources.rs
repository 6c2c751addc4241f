//! What holds of sources: a bad item keeps its last good content, and no name is in force twice.

use super::*;
use crate::load::{POSTED, SOURCES};
use serde_json::{Value, json};
use sriovd_core::policy::source::ItemState::{self, InForce, KeptLastGood, NoEffect};

const STATE: &str = "var/lib/sriovd";

impl Host {
    fn put(&self, source: &str, items: &Value) -> PathBuf {
        self.put_text(source, &items.to_string())
    }

    fn put_text(&self, source: &str, text: &str) -> PathBuf {
        let dir = self.path(STATE).join(SOURCES);
        fs::create_dir_all(&dir).unwrap();
        set_mode(&dir, 0o755);
        let path = dir.join(format!("{source}.json"));
        write(&path, text);
        path
    }

    fn load_all(&mut self) -> Loaded {
        let state = Path::new("/").join(STATE);
        let kept = [state.join(POSTED), state.join(SOURCES)];
        let dirs: Vec<_> = DIRECTORIES.iter().map(PathBuf::from).chain(kept).collect();
        let loaded = load(self.root.path(), &dirs, Trust::Enforce, &self.last_good);
        self.last_good = loaded.last_good.clone();
        loaded
    }
}

fn item(name: &str) -> Value {
    json!({"name": name, "num_vfs": 1, "match": {"pf_name": "*"}})
}

fn with(name: &str, key: &str, value: Value) -> Value {
    let mut item = item(name);
    item[key] = value;
    item
}

fn policies(items: &[Value]) -> Value {
    json!({"policy": items})
}

/// Of the only source.
fn states(loaded: &Loaded) -> Vec<(&str, ItemState)> {
    let items = loaded.sources[0].items.iter();
    items
        .map(|item| (item.name.as_deref().unwrap_or("?"), item.state))
        .collect()
}

fn mtu_of(loaded: &Loaded, name: &str) -> Option<u32> {
    let mut policies = loaded.set.policies.iter();
    let policy = policies.find(|policy| policy.name.as_str() == name)?;
    policy.mtu.map(u32::from)
}

#[test]
fn what_is_put_is_in_force_weaker_than_files_and_stronger_than_what_is_posted() {
    let mut host = Host::new();
    host.write("etc/sriov.d/10-file.toml", policy("file"));
    let posted = host.path(STATE).join(POSTED);
    fs::create_dir_all(&posted).unwrap();
    write(&posted.join("resource.0000000001.p.toml"), policy("posted"));
    host.put("zebra", &policies(&[item("z")]));
    host.put("kube", &policies(&[item("k1"), item("k2")]));
    let loaded = host.load_all();
    // At equal priority what is read later is stronger.
    assert_eq!(names(&loaded), ["posted", "k1", "k2", "z", "file"]);
    assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
    let origin = loaded.set.policies[1].origin.to_string();
    assert_eq!(origin, "source kube");
    assert!(!loaded.has_broken());
}

#[test]
fn a_bad_item_keeps_what_was_good_of_it_last_and_the_others_hold() {
    let mut host = Host::new();
    let mtu = |name, mtu: u32| with(name, "mtu", mtu.into());
    host.put("kube", &policies(&[mtu("a", 1500), mtu("b", 1500)]));
    host.load_all();
    let bad = with("a", "trsut", true.into());
    let new_bad = with("n", "mtu", "much".into());
    host.put("kube", &policies(&[bad, mtu("b", 9000), new_bad]));
    for _ in 0..2 {
        let loaded = host.load_all();
        let kept = [("a", KeptLastGood), ("b", InForce), ("n", NoEffect)];
        assert_eq!(states(&loaded), kept);
        assert_eq!(mtu_of(&loaded, "a"), Some(1500));
        assert_eq!(mtu_of(&loaded, "b"), Some(9000));
        let state = FileState::PartlyBroken {
            broken: 2,
            of: 3,
            kept: 1,
        };
        assert_eq!(loaded.files[0].state, state);
        assert!(loaded.has_broken());
        assert_eq!(
            host.messages(&loaded)[0],
            "/var/lib/sriovd/sources.d/kube.json#/policy/0/trsut: \
             unknown key \"trsut\" in this policy; did you mean \"trust\"?"
        );
    }
    // What is left out is wanted no more, whether it was good or kept.
    host.put("kube", &policies(&[mtu("b", 9000)]));
    assert_eq!(names(&host.load_all()), ["b"]);
}

#[test]
fn while_an_item_has_no_name_nothing_is_missing() {
    let mut host = Host::new();
    host.put("kube", &policies(&[item("a"), item("b")]));
    host.load_all();
    for nameless in [
        json!({"num_vfs": 1}),
        json!(5),
        with("../a", "mtu", 1500.into()),
    ] {
        host.put("kube", &policies(&[item("b"), nameless]));
        let loaded = host.load_all();
        let kept = [("b", InForce), ("?", NoEffect), ("a", KeptLastGood)];
        assert_eq!(states(&loaded), kept);
        assert_eq!(names(&loaded), ["b", "a"]);
    }
}

#[test]
fn of_twins_the_last_good_stays_again_and_again() {
    let mut host = Host::new();
    host.put("kube", &policies(&[item("a")]));
    host.load_all();
    let twin = with("a", "mtu", 9000.into());
    host.put("kube", &policies(&[item("a"), twin]));
    for _ in 0..3 {
        let loaded = host.load_all();
        assert_eq!(states(&loaded), [("a", KeptLastGood), ("a", KeptLastGood)]);
        assert_eq!((names(&loaded), mtu_of(&loaded, "a")), (vec!["a"], None));
    }
}

#[test]
fn a_name_of_a_file_or_of_a_source_before_is_taken() {
    let mut host = Host::new();
    host.put("kube", &policies(&[item("a"), item("b")]));
    host.load_all();
    let file = host.write("etc/sriov.d/10-a.toml", policy("a"));
    host.put("zebra", &policies(&[item("b"), item("c")]));
    let loaded = host.load_all();
    assert_eq!(states(&loaded), [("a", NoEffect), ("b", InForce)]);
    assert_eq!(names(&loaded), ["b", "c", "a"]);
    assert_eq!(
        host.messages(&loaded),
        [
            "/var/lib/sriovd/sources.d/kube.json#/policy/0/name: \
             a policy named \"a\" is already in /etc/sriov.d/10-a.toml:1",
            "/var/lib/sriovd/sources.d/zebra.json#/policy/0/name: \
             a policy named \"b\" is already in source kube",
        ]
    );
    // Who had it first gives it back.
    fs::remove_file(file).unwrap();
    assert_eq!(names(&host.load_all()), ["a", "b", "c"]);
}

#[test]
fn a_source_that_cannot_be_read_keeps_its_last_good() {
    type Spoil = fn(&Path);
    let ways: [(&str, Spoil); 8] = [
        ("empty", |path| fs::write(path, "").unwrap()),
        ("cut short", |path| {
            fs::write(path, "{\"policy\": [").unwrap();
        }),
        ("a newer version", |path| {
            fs::write(path, "{\"version\": 2, \"policy\": []}").unwrap();
        }),
        ("not UTF-8", |path| fs::write(path, b"\xff").unwrap()),
        ("a directory", |path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        }),
        ("a dangling link", |path| {
            fs::remove_file(path).unwrap();
            symlink("/nowhere", path).unwrap();
        }),
        ("writable by everybody", |path| set_mode(path, 0o666)),
        ("in a directory for everybody", |path| {
            set_mode(path.parent().unwrap(), 0o777);
        }),
    ];
    for (way, spoil) in ways {
        let mut host = Host::new();
        let path = host.put("kube", &policies(&[item("a"), item("b")]));
        let good = host.load_all();
        spoil(&path);
        for _ in 0..2 {
            let loaded = host.load_all();
            assert_eq!(loaded.set, good.set, "{way}");
            assert!(loaded.has_broken(), "{way}");
            assert!(!loaded.diagnostics.is_empty(), "{way}");
            assert_eq!(
                states(&loaded),
                [("a", KeptLastGood), ("b", KeptLastGood)],
                "{way}"
            );
            assert_eq!(loaded.last_good, good.last_good, "{way}");
        }
    }
}

#[test]
fn files_that_are_no_sources_are_left_alone() {
    let mut host = Host::new();
    let path = host.put("kube", &policies(&[item("a")]));
    for name in [
        ".sriovd-kube.json.tmp",
        "kube.json.broken",
        "a b.json",
        "x.toml",
    ] {
        write(&path.with_file_name(name), "{");
    }
    let loaded = host.load_all();
    assert_eq!((names(&loaded), loaded.files.len()), (vec!["a"], 1));
    assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
}
