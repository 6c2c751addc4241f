//! The API's description as a page.

use super::{row, table};
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
    let keys = entries(&schema["properties"]).map(|(key, value)| {
        html! {
            tr {
                td { code { (key) } }
                td { (shown_type(value)) }
                td { (text(&value["description"])) }
            }
        }
    });
    html! {
        h2 id=(name) { (name) }
        p { (text(&schema["description"])) }
        (table(&["Key", "Type", ""], &keys.collect::<Vec<_>>()))
    }
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
    if let Some(words) = schema["enum"].as_array() {
        let words = words.iter().filter_map(Value::as_str);
        return separated(words.map(|word| html! { (word) }), " | ");
    }
    for key in ["anyOf", "allOf"] {
        if let Some(several) = schema[key].as_array() {
            return separated(several.iter().map(shown_type), " or ");
        }
    }
    match schema["type"].as_str() {
        Some("array") => html! { "list of " (shown_type(&schema["items"])) },
        kind => html! { (kind.unwrap_or_default()) },
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
