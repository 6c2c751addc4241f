//! The condition `Ready`: whether all is as an object wants it, or the first reason why not.

use super::Memory;
use super::object::{Object, Watched};
use super::write::Write;
use serde_json::{Value, json};
use sriovd_core::model::Timestamp;

const READY: &str = "Ready";

/// What is said of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// Whether all is as it wants it.
    pub is_so: bool,
    /// Why, in one word for programs.
    pub reason: &'static str,
    /// Why, in a sentence for people.
    pub message: String,
}

impl Ready {
    /// All is as it should be.
    pub fn yes(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            is_so: true,
            reason,
            message: message.into(),
        }
    }

    /// It is not.
    pub fn no(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            is_so: false,
            reason,
            message: message.into(),
        }
    }
}

/// The condition as the object has it.
pub fn of(object: &Object) -> Option<&Value> {
    let conditions = object.status["conditions"].as_array()?;
    conditions.iter().find(|it| it["type"] == READY)
}

/// What must be written for the object to say so, with `more` fields of its status.
pub fn tell(
    kind: Watched,
    object: &Object,
    ready: &Ready,
    more: &[(&str, usize)],
    memory: &mut Memory,
    now: Timestamp,
) -> Option<Write> {
    let status = if ready.is_so { "True" } else { "False" };
    let old = of(object);
    let same = old.filter(|old| old["status"] == status);
    let since = same.map_or_else(|| json!(now), |old| old["lastTransitionTime"].clone());
    let condition = json!({
        "type": READY,
        "status": status,
        "observedGeneration": object.metadata.generation,
        "lastTransitionTime": since,
        "reason": ready.reason,
        "message": shortened(&ready.message),
    });
    let is_said = old == Some(&condition);
    let is_counted = more.iter().all(|(key, count)| object.status[key] == *count);
    if is_said && is_counted {
        memory.told.remove(&(kind, object.name()));
        return None;
    }
    let mut wanted = json!({"conditions": [condition]});
    for (key, count) in more {
        wanted[key] = json!(count);
    }
    // The moment differs each time where it is not kept.
    let telling = (object.metadata.uid.clone(), without_moment(&wanted));
    let told = memory.told.insert((kind, object.name()), telling.clone());
    (told != Some(telling)).then(|| Write::status(kind, object, &wanted))
}

fn without_moment(status: &Value) -> Value {
    let mut status = status.clone();
    status["conditions"][0]["lastTransitionTime"].take();
    status
}

/// The API server takes no message longer than this, and nobody reads one half as long.
fn shortened(message: &str) -> String {
    const MOST: usize = 1_000;
    match message.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}
