//! The condition `Ready`: whether all is as an object wants it, or the first reason why not.

use super::object::{Object, Watched};
use super::write::Write;
use super::{Decision, Memory};
use serde_json::{Value, json};
use sriovd_core::model::Timestamp;
use std::time::Duration;

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
    /// It will be, without anybody's doing.
    pub is_on_its_way: bool,
}

impl Ready {
    /// All is as it should be.
    pub fn yes(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            is_so: true,
            reason,
            message: message.into(),
            is_on_its_way: false,
        }
    }

    /// It is not yet.
    pub fn soon(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            is_on_its_way: true,
            ..Self::no(reason, message)
        }
    }

    /// It is not.
    pub fn no(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            is_so: false,
            reason,
            message: message.into(),
            is_on_its_way: false,
        }
    }
}

/// The condition as the object has it.
pub fn of(object: &Object) -> Option<&Value> {
    let conditions = object.status["conditions"].as_array()?;
    conditions.iter().find(|it| it["type"] == READY)
}

/// Counts change with every node of a rollout, and every node watches policies: they are told no more often than this.
const COUNTED: Duration = Duration::from_secs(10);

/// Decides what must be written for the object to say so, with `more` fields of its status.
pub fn tell(
    kind: Watched,
    object: &Object,
    ready: &Ready,
    more: &[(&str, usize)],
    memory: &mut Memory,
    now: Timestamp,
    decision: &mut Decision,
) {
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
    let key = (kind, object.name());
    let is_counted = more.iter().all(|(key, count)| object.status[key] == *count);
    if old == Some(&condition) && is_counted {
        memory.told.remove(&key);
        return;
    }
    let is_new = same.is_none_or(|old| old["reason"] != ready.reason);
    let counted = memory
        .counted
        .get(&key)
        .filter(|_| !is_new && !more.is_empty());
    let again = counted.map(|counted| Timestamp::at(counted.since_1970() + COUNTED));
    if let Some(again) = again.filter(|again| *again > now) {
        return decision.not_before(again);
    }
    let mut wanted = json!({"conditions": [condition]});
    for (key, count) in more {
        wanted[key] = json!(count);
    }
    // The moment differs each time where it is not kept.
    let telling = (object.metadata.uid.clone(), without_moment(&wanted));
    let told = memory.told.insert(key.clone(), telling.clone());
    if told == Some(telling) {
        return;
    }
    memory.counted.insert(key, now);
    let event = event(kind, object, ready, now).filter(|_| is_new);
    let write = Write::status(kind, object, &wanted);
    decision.writes.push(Write { event, ..write });
}

/// What goes on its way is no event, nor is what is as it should be.
fn event(kind: Watched, object: &Object, ready: &Ready, now: Timestamp) -> Option<Value> {
    if ready.is_so || ready.is_on_its_way {
        return None;
    }
    let name = object.name();
    let mut regarding = kind.head(&name);
    let mut metadata = regarding["metadata"].take();
    metadata["uid"] = json!(object.metadata.uid);
    for (key, value) in metadata.as_object().into_iter().flatten() {
        regarding[key] = value.clone();
    }
    if let Some(fields) = regarding.as_object_mut() {
        fields.remove("metadata");
    }
    // The API server wants the part of a second, which nobody needs.
    let moment = now.to_string().replace('Z', ".000000Z");
    Some(json!({
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {
            "generateName": format!("{}-", name.name),
            // Of things of the cluster they are there.
            "namespace": name.namespace.as_deref().unwrap_or("default"),
        },
        "eventTime": moment,
        "type": "Warning",
        "reason": ready.reason,
        "action": "Reconcile",
        "note": shortened(&ready.message),
        "regarding": regarding,
        "reportingController": "sriovd.io/controller",
        "reportingInstance": "sriovd-controller",
    }))
}

fn without_moment(status: &Value) -> Value {
    let mut status = status.clone();
    status["conditions"][0]["lastTransitionTime"].take();
    status
}

/// The API server takes Events of 1 KiB, and nobody reads more.
fn shortened(message: &str) -> String {
    const MOST: usize = 1_000;
    let ends = message.char_indices().map(|(at, c)| at + c.len_utf8());
    match ends.take_while(|&end| end <= MOST).last() {
        Some(end) if end < message.len() => format!("{}…", &message[..end]),
        _ => message.to_owned(),
    }
}
