//! JSON Schemas as the API server takes them in definitions: every value has one type, and nothing refers to elsewhere.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// What must hold of an object beyond its types, in CEL, and what is said where it does not.
pub(super) fn rule(rule: &str, message: &str) -> Value {
    json!({"rule": rule, "message": message})
}

/// A number or a text.
#[derive(Debug)]
pub struct IntOrString;

impl JsonSchema for IntOrString {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "IntOrString".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"x-kubernetes-int-or-string": true})
    }
}

/// The schema of a type.
pub(super) fn schema<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = Value::from(settings.into_generator().into_root_schema_for::<T>());
    restructure(&mut schema);
    schema
}

/// Words that the API server does not take, or that mean nothing to it.
const FOREIGN: [&str; 4] = ["title", "unevaluatedProperties", "const", "$schema"];

fn restructure(schema: &mut Value) {
    let Value::Object(entries) = schema else {
        return;
    };
    choose(entries);
    entries.retain(|key, _| !FOREIGN.contains(&key.as_str()));
    if let Some(Value::Array(types)) = entries.get("type")
        && let Some(one) = types.iter().find(|it| *it != "null")
    {
        // A key that is null is one that is not there.
        let one = one.clone();
        entries.insert("type".to_owned(), one);
    }
    if let Some(Value::Array(words)) = entries.get_mut("enum") {
        words.retain(|word| !word.is_null());
    }
    // Those of Rust's numbers are unknown there.
    let is_known = |format: &Value| {
        ["date-time", "int32", "int64"]
            .iter()
            .any(|it| format == it)
    };
    if entries.get("format").is_some_and(|it| !is_known(it)) {
        entries.remove("format");
    }
    if let Some(Value::String(description)) = entries.get_mut("description") {
        // It is below in docs/policy.md.
        let text = description.replace('\n', " ");
        *description = text.trim_end_matches("; see below").to_owned();
    }
    if let Some(Value::Object(properties)) = entries.get_mut("properties") {
        properties.values_mut().for_each(restructure);
    }
    let is_closed = entries.get("additionalProperties") == Some(&json!(false));
    if is_closed {
        // What has properties is closed already.
        entries.remove("additionalProperties");
    }
    if let Some(values) = entries.get_mut("additionalProperties") {
        restructure(values);
    }
    if let Some(items) = entries.get_mut("items") {
        restructure(items);
    }
    let is_object = entries.get("type") == Some(&json!("object"));
    let has_fields =
        entries.contains_key("properties") || entries.contains_key("additionalProperties");
    if is_object && !has_fields && !is_closed && !entries.contains_key("nullable") {
        entries.insert(
            "x-kubernetes-preserve-unknown-fields".to_owned(),
            json!(true),
        );
    }
}

/// A definition cannot hold a number to its limits where a word may stand as well.
fn number_or_word(kinds: &[Value]) -> Value {
    let number = kinds.iter().find(|kind| kind["type"] == "integer");
    let limit = |key: &str| number.map_or(Value::Null, |number| number[key].clone());
    let (least, most) = (limit("minimum"), limit("maximum"));
    let words: Vec<_> = kinds
        .iter()
        .filter_map(|kind| kind["const"].as_str())
        .collect();
    let words = words.join("', '");
    rule(
        &format!("type(self) == int ? self >= {least} && self <= {most} : self in ['{words}']"),
        &format!("must be a number from {least} to {most}, or one of '{words}'"),
    )
}

/// Of several kinds of values a definition can offer one.
fn choose(entries: &mut Map<String, Value>) {
    let key = ["anyOf", "oneOf"]
        .into_iter()
        .find(|it| entries.contains_key(*it));
    let Some(Value::Array(mut kinds)) = key.and_then(|key| entries.remove(key)) else {
        return;
    };
    kinds.retain(|kind| kind["type"] != "null");
    if kinds.iter().all(|kind| kind["const"].is_string()) {
        let words: Vec<_> = kinds.iter().map(|kind| kind["const"].clone()).collect();
        entries.insert("type".to_owned(), json!("string"));
        entries.insert("enum".to_owned(), json!(words));
        return;
    }
    // Where there may be one or a list of them, there is a list.
    let list = kinds.iter().position(|kind| kind["type"] == "array");
    let has = |kind: &str| kinds.iter().any(|it| it["type"] == kind);
    if let Some(at) = list.or((kinds.len() == 1).then_some(0)) {
        if let Value::Object(kind) = kinds.swap_remove(at) {
            for (key, value) in kind {
                entries.entry(key).or_insert(value);
            }
        }
    } else if has("integer") && !has("boolean") {
        entries.insert("x-kubernetes-int-or-string".to_owned(), json!(true));
        entries.insert(
            "x-kubernetes-validations".to_owned(),
            json!([number_or_word(&kinds)]),
        );
    } else {
        entries.insert(
            "x-kubernetes-preserve-unknown-fields".to_owned(),
            json!(true),
        );
    }
}
