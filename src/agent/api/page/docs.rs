//! The API's description as a page.

use super::table::{row, table};
use maud::{Markup, html};
use serde_json::Value;

pub(in crate::api) fn docs_html(openapi: &str) -> Markup {
    // It is ours: a test reads it.
    let document: Value = serde_json::from_str(openapi).unwrap_or_default();
    html! {
        main {
            h1 { (text(&document["info"]["summary"])) }
            p { (text(&document["info"]["description"])) }
            @for (path, operations) in entries(&document["paths"]) {
                @for (method, operation) in entries(operations) {
                    (shown_operation(path, method, operation))
                }
            }
            @for (name, schema) in entries(&document["components"]["schemas"]) {
                (shown_schema(name, schema))
            }
        }
    }
}

fn shown_operation(path: &str, method: &str, operation: &Value) -> Markup {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let parameters = parameters.map(|it| {
        let cells = ["name", "in", "description"].map(|key| text(&it[key]).to_owned());
        row("", &cells)
    });
    let bodies = [
        ("Body", &operation["requestBody"]["content"]),
        ("Answer", &operation["responses"]["200"]["content"]),
    ];
    html! {
        h2 { code { (method.to_uppercase()) " " (path) } }
        p { (text(&operation["summary"])) "." }
        (table(&["Parameter", "in", ""], &parameters.collect::<Vec<_>>()))
        @for (what, content) in bodies {
            @if entries(content).next().is_some() { p { (what) ": " (shown_media(content)) } }
        }
    }
}

fn shown_schema(name: &str, schema: &Value) -> Markup {
    html! {
        h2 id=(name) { (name) }
        p { (text(&schema["description"])) }
        (shown_keys(schema))
        @for (variant, kind) in variants(schema) {
            h3 { (separated(kind.into_iter(), ", ")) }
            p { (text(&variant["description"])) }
            (shown_keys(variant))
        }
    }
}

fn shown_keys(schema: &Value) -> Markup {
    let keys = entries(&schema["properties"]).filter(|(_, value)| value["const"].is_null());
    let keys = keys.map(|(key, value)| {
        html! {
            tr {
                td { code { (key) } }
                td { (shown_type(value)) }
                td { (text(&value["description"])) }
            }
        }
    });
    table(&["Key", "Type", ""], &keys.collect::<Vec<_>>())
}

/// What a value can be that is one of several: each with the word, or the keys, by which it is told.
fn variants(schema: &Value) -> impl Iterator<Item = (&Value, Vec<Markup>)> {
    let several = ["oneOf", "anyOf"]
        .into_iter()
        .filter_map(|key| schema[key].as_array());
    several.flatten().map(|variant| {
        if variant["type"] != "object" {
            return (variant, vec![shown_type(variant)]);
        }
        let words = entries(&variant["properties"]).filter(|(_, value)| !value["const"].is_null());
        let words = words.map(|(key, value)| html! { code { (key) ": " (text(&value["const"])) } });
        let mut told: Vec<_> = words.collect();
        if told.is_empty() {
            let keys = variant["required"].as_array().into_iter().flatten();
            told.extend(keys.map(|key| html! { code { (text(key)) } }));
        }
        (variant, told)
    })
}

fn shown_media(content: &Value) -> Markup {
    let kinds = entries(content);
    let kinds =
        kinds.map(|(kind, media)| html! { code { (kind) } " " (shown_type(&media["schema"])) });
    separated(kinds, ", ")
}

fn shown_type(schema: &Value) -> Markup {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().unwrap_or_default();
        return html! { a href={ "#" (name) } { (name) } };
    }
    if let Some(word) = schema["const"].as_str() {
        return html! { (word) };
    }
    if let Some(words) = schema["enum"].as_array() {
        let words = words.iter().filter_map(Value::as_str);
        return separated(words.map(|word| html! { (word) }), " | ");
    }
    for key in ["oneOf", "anyOf", "allOf"] {
        if let Some(several) = schema[key].as_array() {
            return separated(several.iter().map(shown_type), " or ");
        }
    }
    match &schema["type"] {
        Value::Array(several) => {
            separated(several.iter().map(|kind| html! { (text(kind)) }), " or ")
        }
        kind if kind == "array" => html! { "list of " (shown_type(&schema["items"])) },
        kind if schema["additionalProperties"].is_object() => {
            html! { (text(kind)) " of " (shown_type(&schema["additionalProperties"])) }
        }
        kind => html! { (text(kind)) },
    }
}

fn separated(parts: impl Iterator<Item = Markup>, by: &str) -> Markup {
    html! {
        @for (at, part) in parts.enumerate() {
            @if at != 0 { (by) }
            (part)
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn entries(of: &Value) -> impl Iterator<Item = (&String, &Value)> {
    of.as_object().into_iter().flatten()
}
