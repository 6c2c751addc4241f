//! What selects NICs, and the pool that they form: values that are compared elsewhere as texts.

use super::item::{Item, OF_GLOBS};
use crate::model::ResourceName;
use crate::policy::draft::value::PfName;
use crate::policy::reader::{Given, Scalar};
use std::collections::BTreeSet;
use std::str::FromStr;

/// Of entries for one PF only the first counts, for the operator and for the device plugin.
pub fn first_of_each(item: &mut Item, entries: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut first = Vec::new();
    for entry in entries {
        let pf = entry.split('#').next().unwrap_or_default().to_lowercase();
        match seen.insert(pf) {
            true => first.push(entry),
            false => item.note(
                None,
                format!("{entry:?} has no effect: another one for this PF is first"),
            ),
        }
    }
    first
}

/// A value that cannot be one of ours names nothing; without it the policy would name more.
pub fn select(item: &mut Item, key: &str, mut values: Vec<String>, valid: impl Fn(&str) -> bool) {
    let given = !values.is_empty();
    for bad in values.iter().filter(|value| !valid(value)) {
        item.note(None, format!("{key} cannot be {bad:?}"));
    }
    values.retain(|value| valid(value));
    if values.is_empty() && given {
        item.disable();
    }
    item.any_of(key, values);
}

/// Elsewhere texts are compared as they are: in another spelling they name nothing.
pub fn is_as_written<T: FromStr + ToString>(text: &str) -> bool {
    text.parse::<T>()
        .is_ok_and(|value| value.to_string() == text)
}

/// As policies take it, and no glob: elsewhere names are compared as they are.
pub fn is_pf_name(text: &str) -> bool {
    !text.contains(OF_GLOBS) && PfName::parse(&Given::Text(text.to_owned())).is_some()
}

/// Gives an item its pool.
pub fn resource(item: &mut Item, name: String) {
    match name.parse::<ResourceName>() {
        Ok(name) if name.is_qualified() => {}
        Ok(name) => {
            let why = "it begins and ends with a letter or digit";
            item.note(None, format!("change the resource \"{name}\": {why}"));
        }
        Err(malformed) => item.note(None, format!("change the resource: {malformed}")),
    }
    item.pair("resource", name);
}
