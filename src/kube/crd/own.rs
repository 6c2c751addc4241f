//! `Policy` and `Network`: a `[[policy]]` and a `[[network]]` each, under the keys that policy files have.

use super::condition::{NetworkStatus, PolicyStatus};
use super::structural::schema;
use serde_json::{Value, json};
use sriovd_core::policy::draft::{NetworkDraft, PolicyDraft};

/// The object has its name beside its spec.
pub(super) fn policy() -> Value {
    object(
        "What PFs of some nodes and their VFs shall be: a [[policy]] of sriovd's policy files.",
        of_nodes(without(schema::<PolicyDraft>(), &["name"])),
        &schema::<PolicyStatus>(),
    )
}

/// The object has its name and namespace beside its spec.
pub(super) fn network() -> Value {
    object(
        "How pods are attached to the VFs of a pool: a [[network]] of sriovd's policy files.",
        without(schema::<NetworkDraft>(), &["name", "namespace"]),
        &schema::<NetworkStatus>(),
    )
}

/// Nodes of a cluster have their labels there.
fn of_nodes(mut schema: Value) -> Value {
    let labels = &mut schema["properties"]["node"]["properties"]["labels"];
    labels["description"] = json!("All must be among the labels of the Node");
    schema
}

fn object(description: &str, mut spec: Value, status: &Value) -> Value {
    spec["description"] = json!("What is wanted.");
    json!({
        "description": description,
        "type": "object",
        "properties": {"spec": spec, "status": status},
        "required": ["spec"],
    })
}

fn without(mut schema: Value, keys: &[&str]) -> Value {
    let is_gone = |key: &str| keys.contains(&key);
    if let Some(properties) = schema["properties"].as_object_mut() {
        properties.retain(|key, _| !is_gone(key));
    }
    if let Some(required) = schema["required"].as_array_mut() {
        required.retain(|key| !key.as_str().is_some_and(is_gone));
        if required.is_empty()
            && let Some(schema) = schema.as_object_mut()
        {
            schema.remove("required");
        }
    }
    schema
}
