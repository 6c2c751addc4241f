//! What another version would have written in the place of ours.

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestCaseError;
use serde_json::{Value, json};
use sriovd_agent::state;
use sriovd_core::memory::Memory;
use sriovd_core::model::PciAddress;

/// A change that a version may make: at which of all objects or values.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    AddKey(Index),
    ReplaceValue(Index),
}

pub(crate) fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        any::<Index>().prop_map(Change::AddKey),
        any::<Index>().prop_map(Change::ReplaceValue),
    ];
    prop::collection::vec(change, 1..5)
}

/// The state file with these changes, but for the key by which versions know each other.
fn changed(memory: &Memory, changes: &[Change]) -> Value {
    let text = state::write(memory).unwrap();
    let mut document: Value = serde_json::from_str(&text).unwrap();
    for (number, change) in changes.iter().enumerate() {
        let (is_object, at) = match change {
            Change::AddKey(at) => (true, at),
            Change::ReplaceValue(at) => (false, at),
        };
        let concerns = |value: &Value| match is_object {
            true => value.is_object(),
            false => !value.is_object() && !value.is_array(),
        };
        let mut count = 0;
        walk(&mut document, &mut |value| {
            count += usize::from(concerns(value));
        });
        let mut left = at.index(count);
        walk(&mut document, &mut |value| {
            if !concerns(value) {
                return;
            }
            if left == 0 {
                match is_object {
                    true => value[format!("added-{number}")] = json!([{"by": "the next version"}]),
                    false => *value = json!(format!("as the next version has it ({number})")),
                }
            }
            left = left.wrapping_sub(1);
        });
    }
    document["version"] = json!(1);
    document
}

fn walk(value: &mut Value, visit: &mut impl FnMut(&mut Value)) {
    match value {
        Value::Object(map) => map.values_mut().for_each(|it| walk(it, visit)),
        Value::Array(list) => list.iter_mut().for_each(|it| walk(it, visit)),
        _ => {}
    }
    visit(value);
}

/// Every PF is ours or in doubt, and whatever was written is written again.
pub(crate) fn check(memory: &Memory, changes: &[Change]) -> Result<(), TestCaseError> {
    let document = changed(memory, changes);
    let read = state::parse(&document.to_string()).unwrap();
    for pf in memory.pfs.keys().copied() {
        let is_known = |pf: PciAddress| read.pfs.contains_key(&pf) || read.is_in_doubt(pf);
        prop_assert!(is_known(pf), "{} is forgotten", pf);
    }
    let again: Value = serde_json::from_str(&state::write(&read).unwrap()).unwrap();
    prop_assert_eq!(sorted(again), sorted(document));
    Ok(())
}

/// All lists in it are sets.
fn sorted(mut document: Value) -> Value {
    walk(&mut document, &mut |value| {
        if let Value::Array(list) = value {
            list.sort_by_key(Value::to_string);
        }
    });
    document
}
