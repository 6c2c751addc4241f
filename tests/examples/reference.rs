//! docs/policy.md: what each key takes is what its reader says. `UPDATE=1` rewrites that column.

use crate::document;
use serde_json::Value;
use std::fs;

const PAGE: &str = "docs/policy.md";

/// Each section of keys with the schema of its table.
fn sections() -> [(&'static str, Value); 5] {
    let mut schema = sriovd::policy::file::schema();
    let mut items = |kind: &str| schema["properties"][kind]["items"].take();
    let (policy, network) = (items("policy"), items("network"));
    let part = |key: &str| policy["properties"][key].clone();
    [
        ("## `[policy.match]`", part("match")),
        ("## `[policy.node]`", part("node")),
        ("## `[[policy.vf]]`", part("vf")["items"].clone()),
        ("## `[[policy]]`", policy),
        ("## `[[network]]`", network),
    ]
}

/// What a key takes, in words.
fn phrase(schema: &Value) -> String {
    if let Some(description) = schema["description"].as_str() {
        return description.replace('*', "\\*");
    }
    if let Some(any) = schema["anyOf"].as_array() {
        // A list of the same is said once, above the table.
        let one = any.iter().filter(|it| it["type"] != "array").map(phrase);
        return one.collect::<Vec<_>>().join(" or ");
    }
    match schema["type"].as_str() {
        Some("object") if schema["additionalProperties"]["description"].is_string() => {
            format!(
                "a table; each value {}",
                phrase(&schema["additionalProperties"])
            )
        }
        Some("object") => "a table".to_owned(),
        Some("array") => "a list of tables".to_owned(),
        Some("string") => "a text".to_owned(),
        _ => panic!("{schema}"),
    }
}

/// The row of a table with the column of values as it has to be.
fn row(line: &str, section: &str, schema: &Value, policy: &Value) -> String {
    let mut cells: Vec<String> = line.split(" |").map(str::to_owned).collect();
    let keys: Vec<_> = cells[0].split('`').skip(1).step_by(2).collect();
    let place = format!("{PAGE}, {section}: {keys:?}");
    let required = schema["required"].as_array();
    let required = required.into_iter().flatten();
    if required
        .filter_map(Value::as_str)
        .any(|it| keys.contains(&it))
    {
        let said = |it: &String| it.trim().eq_ignore_ascii_case("required");
        assert!(cells[2..].iter().any(said), "{place}");
    }
    let phrases = |schema: &Value| -> Vec<String> {
        let each = keys.iter().map(|key| phrase(&schema["properties"][*key]));
        each.collect()
    };
    let mut values = phrases(schema);
    if cells[1].trim() == "as in `[[policy]]`" {
        assert_eq!(values, phrases(policy), "{place}");
        return line.to_owned();
    }
    values.dedup();
    assert_eq!(values.len(), 1, "{place}: a row of its own for each");
    cells[1] = format!(" {}", values[0]);
    cells.join(" |")
}

#[test]
fn the_policy_reference_tells_what_the_readers_of_keys_take() {
    let sections = sections();
    let policy = &sections[3].1;
    let text = document::text(PAGE);
    let mut current = None;
    let lines = text.lines().map(|line| {
        if line.starts_with("## ") {
            current = sections.iter().find(|(heading, _)| line == *heading);
        }
        match current {
            Some((heading, schema)) if line.starts_with("| `") => {
                row(line, heading, schema, policy)
            }
            _ => line.to_owned(),
        }
    });
    let right: String = lines.map(|line| line + "\n").collect();
    if std::env::var_os("UPDATE").is_some() {
        fs::write(document::root().join(PAGE), right).unwrap();
    } else {
        assert!(
            text == right,
            "UPDATE=1 cargo test --test examples rewrites {PAGE}:\n{right}"
        );
    }
}
