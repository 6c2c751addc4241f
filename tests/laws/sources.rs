//! A source that is put again and again, with items that are not in order, crashes and files that
//! cannot be read: what is in force is always what was good last of what is wanted.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseError;
use serde_json::{Value, json};
use sriovd_agent::load::{LastGood, SOURCES, Trust, last_good, load};
use sriovd_agent::state::sources::SourceFiles;
use sriovd_core::model::SourceName;
use sriovd_core::policy::source;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const NAMES: [&str; 3] = ["a", "b", "c"];

#[derive(Debug, Clone, Copy)]
enum Put {
    Missing,
    Good(u32),
    /// With a key that there is not.
    Bad,
    Twice,
}

#[derive(Debug, Clone)]
pub(crate) struct Step {
    items: [Put; 3],
    /// There is one more, without a name.
    nameless: bool,
    then: Then,
}

#[derive(Debug, Clone, Copy)]
enum Then {
    Load,
    /// The agent dies between the write and the reading: the next one knows what the disk knows.
    Crash,
    /// Something makes the file of no use, and an agent starts.
    Spoil,
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let put = prop_oneof![
        2 => Just(Put::Missing),
        4 => (1000..1010u32).prop_map(Put::Good),
        2 => Just(Put::Bad),
        1 => Just(Put::Twice),
    ];
    let then = select(vec![Then::Load, Then::Load, Then::Crash, Then::Spoil]);
    let step = (
        [put.clone(), put.clone(), put],
        proptest::bool::weighted(0.2),
        then,
    );
    let step = step.prop_map(|(items, nameless, then)| Step {
        items,
        nameless,
        then,
    });
    vec(step, 1..8)
}

fn item(name: &str, mtu: u32) -> Value {
    json!({"name": name, "num_vfs": 1, "mtu": mtu, "match": {"pf_name": "*"}})
}

impl Step {
    fn body(&self) -> Value {
        let mut items = Vec::new();
        for (name, put) in NAMES.iter().zip(self.items) {
            match put {
                Put::Missing => {}
                Put::Good(mtu) => items.push(item(name, mtu)),
                Put::Bad => items.push(json!({"name": name, "trsut": true})),
                Put::Twice => items.extend([item(name, 2000), item(name, 2001)]),
            }
        }
        items.extend(self.nameless.then(|| json!({"name": "../x"})));
        json!({ "policy": items })
    }

    /// What is in force of it, after what was in force before.
    fn expect(&self, before: &BTreeMap<String, u32>) -> BTreeMap<String, u32> {
        let of = |(name, put): (&&str, Put)| {
            let kept = before.get(*name).copied();
            let mtu = match put {
                Put::Good(mtu) => Some(mtu),
                Put::Missing if !self.nameless => None,
                Put::Missing | Put::Bad | Put::Twice => kept,
            };
            Some(((*name).to_owned(), mtu?))
        };
        NAMES.iter().zip(self.items).filter_map(of).collect()
    }
}

pub(crate) fn check(steps: &[Step]) -> Result<(), TestCaseError> {
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join(SOURCES);
    let files = SourceFiles::new(directory.clone());
    let kube: SourceName = "kube".parse().unwrap();
    let mut expected = BTreeMap::new();
    let mut known = LastGood::default();
    for step in steps {
        let document = source::read(&kube, step.body().to_string().as_bytes()).unwrap();
        let text = document.to_text();
        files.put(&kube, &text).unwrap();
        prop_assert!(
            !files.put(&kube, &text).unwrap(),
            "the same again is written"
        );
        expected = step.expect(&expected);
        match step.then {
            Then::Load => {}
            Then::Crash => known = last_good::read(root.path()).unwrap(),
            Then::Spoil => {
                // What it said was in force before.
                known = in_force(&directory, &known, &expected)?;
                last_good::write(&known, root.path()).unwrap();
                known = last_good::read(root.path()).unwrap();
                fs::write(directory.join("kube.json"), "{").unwrap();
            }
        }
        known = in_force(&directory, &known, &expected)?;
        last_good::write(&known, root.path()).unwrap();
    }
    Ok(())
}

fn in_force(
    directory: &Path,
    known: &LastGood,
    expected: &BTreeMap<String, u32>,
) -> Result<LastGood, TestCaseError> {
    let loaded = load(Path::new("/"), &[directory], Trust::Enforce, known);
    let policies = loaded.set.policies.iter();
    let found = policies.map(|it| (it.name.to_string(), it.mtu.map_or(0, u32::from)));
    prop_assert_eq!(&found.collect::<BTreeMap<_, _>>(), expected);
    Ok(loaded.last_good)
}
