//! What outputs in JSON have in common.

use serde::Serialize;
use serde_json::{Map, Value};

/// How files that bear no name of ours say whose they are. Readers ignore keys they do not know.
pub const MANAGER: &str = "sriovd";
/// See `Mark`.
pub(super) const MANAGER_KEY: &str = "managedBy";
/// See `MANAGER`: the label of objects of Kubernetes that are ours.
pub const MANAGER_LABEL: &str = "app.kubernetes.io/managed-by";

/// An object of those entries that have a value.
pub(super) fn object<const N: usize>(entries: [(&str, Option<Value>); N]) -> Map<String, Value> {
    let given = entries
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)));
    given.collect()
}

/// Indented, a newline at the end. The keys of a `Value` come sorted; other types have theirs so.
pub(super) fn pretty(value: &impl Serialize) -> String {
    // Only keys that are no text could not be written.
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}
