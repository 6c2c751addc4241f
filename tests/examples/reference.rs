//! docs/policy.md: what each key takes and means is what its type says. `UPDATE=1` rewrites these columns.

use crate::{document, switches};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;

const PAGE: &str = "docs/policy.md";

/// Each section of keys, and the name of its table in the schema.
const SECTIONS: [(&str, &str); 7] = [
    ("## `[policy.match]`", "MatchDraft"),
    ("## `[policy.node]`", "NodeDraft"),
    ("## `[policy.representor]`", "RepresentorDraft"),
    ("## `[policy.bridge]`", "BridgeDraft"),
    ("## `[[policy.vf]]`", "VfDraft"),
    ("## `[[policy]]`", "PolicyDraft"),
    ("## `[[network]]`", "NetworkDraft"),
];

/// The schema, with the types that it names.
struct Reference {
    types: Value,
}

impl Reference {
    /// What a key takes, in words.
    fn phrase(&self, schema: &Value) -> String {
        if let Some(name) = schema["$ref"].as_str() {
            let named = &self.types[name.trim_start_matches("#/$defs/")];
            return match named["properties"].is_object() {
                true => "a table".to_owned(),
                false => named["description"].as_str().unwrap().replace('*', "\\*"),
            };
        }
        if let Some(any) = schema["anyOf"].as_array() {
            // A list of the same is said once, above the table.
            let one = any.iter().filter(|it| it["type"] != "array");
            let one: Vec<_> = one.map(|it| self.phrase(it)).collect();
            return one.join(" or ");
        }
        match schema["type"].as_str() {
            Some("object") if schema["additionalProperties"].is_object() => {
                let each = self.phrase(&schema["additionalProperties"]);
                format!("a table; each value {each}")
            }
            Some("object") => "a table".to_owned(),
            Some("array") => "a list of tables".to_owned(),
            Some("string") => "a text".to_owned(),
            _ => panic!("{schema}"),
        }
    }

    /// The row of a table with the columns of values and meanings as they have to be, and its keys.
    fn row<'l>(&self, line: &'l str, section: &str, table: &str) -> (String, Vec<&'l str>) {
        let schema = &self.types[table];
        let mut cells: Vec<String> = line.split(" |").map(str::to_owned).collect();
        let (head, _) = line.split_once(" |").unwrap();
        let keys: Vec<_> = head.split('`').skip(1).step_by(2).collect();
        let place = format!("{PAGE}, {section}: {keys:?}");
        let required = schema["required"].as_array().into_iter().flatten();
        let mut required = required.filter_map(Value::as_str);
        if required.any(|it| keys.contains(&it)) {
            let said = |it: &String| it.trim().eq_ignore_ascii_case("required");
            assert!(cells[2..].iter().any(said), "{place}");
        }
        let of_keys = |table: &str, tell: &dyn Fn(&Value) -> String| -> Vec<String> {
            let properties = &self.types[table]["properties"];
            let mut told: Vec<_> = keys.iter().map(|key| tell(&properties[*key])).collect();
            told.dedup();
            told
        };
        let values = of_keys(table, &|key| self.phrase(key));
        if cells[1].trim() == "as in `[[policy]]`" {
            let policy = of_keys("PolicyDraft", &|key| self.phrase(key));
            assert_eq!(values, policy, "{place}");
            return (line.to_owned(), keys);
        }
        let meanings = of_keys(table, &|key| {
            key["description"].as_str().unwrap().to_owned()
        });
        let several = format!("{place}: a row of its own for each");
        assert_eq!((values.len(), meanings.len()), (1, 1), "{several}");
        cells[1] = format!(" {}", values[0]);
        let last = cells.len() - 2;
        if !cells[last].trim().eq_ignore_ascii_case("required") {
            cells[last] = format!(" {}", meanings[0]);
        }
        (cells.join(" |"), keys)
    }
}

#[test]
fn the_policy_reference_tells_what_keys_take_and_mean() {
    let mut schema = sriovd_core::policy::file::schema();
    let reference = Reference {
        types: schema["$defs"].take(),
    };
    let text = document::text(PAGE);
    let mut current = None;
    let mut told = BTreeSet::new();
    let listed = switches::in_policy_reference(&text);
    let lines = listed.lines().map(|line| {
        if line.starts_with("## ") {
            current = SECTIONS.iter().find(|(heading, _)| line == *heading);
        }
        match current {
            Some((heading, table)) if line.starts_with("| `") => {
                let (row, keys) = reference.row(line, heading, table);
                told.extend(keys.into_iter().map(|key| (*table, key)));
                row
            }
            _ => line.to_owned(),
        }
    });
    let right: String = lines.map(|line| line + "\n").collect();
    for (_, table) in SECTIONS {
        for key in reference.types[table]["properties"]
            .as_object()
            .unwrap()
            .keys()
        {
            assert!(
                told.contains(&(table, key)),
                "{PAGE} lacks {key} of {table}"
            );
        }
    }
    if std::env::var_os("UPDATE").is_some_and(|it| !it.is_empty()) {
        fs::write(document::root().join(PAGE), right).unwrap();
    } else {
        assert!(
            text == right,
            "UPDATE=1 cargo test --test examples rewrites {PAGE}:\n{right}"
        );
    }
}
