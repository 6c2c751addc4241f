//! One item of a source: its origin, and what `check` makes of the rest.

use super::json::{self, shown};
use super::value::{ItemContent, ItemFault, ItemKind};
use crate::model::SourceName;
use crate::policy::Origin;
use crate::policy::check::{self, Read};
use crate::policy::reader::{Fault, Given, Table};
use serde::Deserialize;
use serde_json::Value;

/// What an item turns out to be.
pub(super) struct JudgedItem {
    pub(super) origin: Option<String>,
    /// `None` where there is an error among the faults.
    pub(super) content: Option<ItemContent>,
    pub(super) faults: Vec<ItemFault>,
}

/// The longest words by which an owner may know an item.
const ORIGIN_LIMIT: usize = 256;

pub(super) fn judge(
    source: &SourceName,
    kind: ItemKind,
    pointer: &str,
    value: &Value,
) -> JudgedItem {
    let Value::Object(entries) = value else {
        let message = format!("this {kind} is {}", json::kind(value));
        return JudgedItem {
            origin: None,
            content: None,
            faults: vec![ItemFault::error(pointer, message).expecting("an object")],
        };
    };
    let mut entries = entries.clone();
    let mut faults = Vec::new();
    let origin = entries.remove("origin").and_then(|value| {
        let origin = origin(&value);
        if origin.is_none() && !value.is_null() {
            let message = format!("bad value for \"origin\": {}", shown(&value));
            let fault = ItemFault::error(format!("{pointer}/origin"), message);
            faults.push(fault.expecting(format!("text of 1 to {ORIGIN_LIMIT} characters")));
        }
        origin
    });
    let place = Origin::Source {
        source: source.clone(),
        origin: origin.clone(),
    };
    let entries = Value::Object(entries);
    let judged = match kind {
        ItemKind::Policy => check::policy(read(&entries), place)
            .map(|(policy, warnings)| (ItemContent::Policy(Box::new(policy)), warnings)),
        ItemKind::Network => check::network(read(&entries), place)
            .map(|(network, warnings)| (ItemContent::Network(Box::new(network)), warnings)),
    };
    let (content, found) = match judged {
        Ok((content, warnings)) => (Some(content), warnings),
        Err(found) => (None, found),
    };
    faults.extend(found.into_iter().map(|fault| placed(pointer, fault)));
    let is_good = !faults.iter().any(ItemFault::is_error);
    JudgedItem {
        origin,
        content: content.filter(|_| is_good),
        faults,
    }
}

fn read<T: Table>(entries: &Value) -> Read<T> {
    match Given::deserialize(entries) {
        Ok(given) => Read::of(&given),
        Err(error) => Read {
            draft: T::default(),
            faults: vec![error.to_string().into()],
        },
    }
}

fn origin(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    let fits = (1..=ORIGIN_LIMIT).contains(&text.chars().count());
    (fits && !text.contains(char::is_control)).then(|| text.to_owned())
}

/// In the words of JSON.
fn placed(item: &str, fault: Fault) -> ItemFault {
    let other = fault.other.map(|other| format!(" at {item}{other}"));
    let of_text = "must stand above the header of this table";
    ItemFault {
        severity: fault.severity,
        pointer: format!("{item}{}", fault.path),
        message: fault.message + &other.unwrap_or_default(),
        expected: fault.expected.map(|expected| match expected.as_str() {
            "a table" => "an object".to_owned(),
            "a list of tables" => "a list of objects".to_owned(),
            _ => expected,
        }),
        suggestion: fault
            .suggestion
            .map(|it| it.replace(of_text, "belongs one level up")),
    }
}
