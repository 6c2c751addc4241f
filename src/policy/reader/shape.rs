//! What a table takes, told by its own reader: as JSON Schema, for editors.
//!
//! Nothing is listed here. The keys are those that the reader asks for, and what a key takes is
//! found by trying, so that this cannot differ from what is read.

use super::{Expected, Reader, Table};
use serde_json::{Map, Value, json};
use toml::de::{DeTable, DeValue};

/// The properties of one table, while its reader asks for them.
#[derive(Debug, Default)]
pub(super) struct Shape {
    properties: Map<String, Value>,
    required: Vec<&'static str>,
}

impl Shape {
    pub(super) fn require(&mut self, key: &'static str) {
        self.required.push(key);
    }

    /// What is asked for as several kinds may be any of them.
    pub(super) fn may_be(&mut self, key: &'static str, schema: Value) {
        let merged = match self.properties.remove(key) {
            Some(Value::Object(known)) if known.contains_key("anyOf") => {
                let mut known = known;
                if let Some(Value::Array(any)) = known.get_mut("anyOf") {
                    any.push(schema);
                }
                Value::Object(known)
            }
            Some(known) if known != schema => json!({"anyOf": [known, schema]}),
            _ => schema,
        };
        self.properties.insert(key.to_owned(), merged);
    }

    pub(super) fn into_schema(self) -> Value {
        let mut schema = json!({
            "type": "object",
            "properties": self.properties,
            "additionalProperties": false,
        });
        if !self.required.is_empty() {
            schema["required"] = json!(self.required);
        }
        schema
    }
}

impl Reader<'_> {
    /// The schema of a document that is read so.
    pub(crate) fn describe<T>(&self, read: impl FnOnce(&mut Table<'_>) -> T) -> Value {
        describe(self, "this file", read)
    }
}

pub(super) fn describe<T>(
    reader: &Reader<'_>,
    what: &'static str,
    read: impl FnOnce(&mut Table<'_>) -> T,
) -> Value {
    let nothing = DeTable::new();
    let mut table = Table {
        reader,
        entries: &nothing,
        what,
        span: 0..0,
        asked: Vec::new(),
        outer: &[],
        shape: Some(Shape::default()),
    };
    read(&mut table);
    table.shape.unwrap_or_default().into_schema()
}

/// Texts of the forms that keys ask for: one that is taken says that words are not all there is.
const TEXTS: [&str; 12] = [
    "a",
    "8086",
    "0000:3b:00.0",
    "02:00:5e:10:00:01",
    "0-3",
    "ens1f0",
    "/a/b",
    "a.service",
    "a.example",
    "127.0.0.1:15001",
    "5s",
    "",
];
const NUMBERS: [&str; 6] = ["0", "1", "68", "1500", "4096", "65535"];

/// What a value may be.
pub(super) fn probe<T>(read: impl Fn(&DeValue<'_>) -> Result<T, Expected>) -> Value {
    let takes_text = |text: &str| read(&DeValue::String(text.into())).is_ok();
    let takes_number = |digits: &&str| {
        let number = DeValue::parse(digits);
        number.is_ok_and(|number| read(number.get_ref()).is_ok())
    };
    let mut any = Vec::new();
    if read(&DeValue::Boolean(true)).is_ok() {
        any.push(json!({"type": "boolean"}));
    }
    if NUMBERS.iter().any(takes_number) {
        any.push(json!({"type": "integer"}));
    }
    // No single value is a list: so it says what it wants instead.
    let expected = read(&DeValue::Array(Default::default())).err();
    let words = expected.iter().flat_map(|expected| &expected.words);
    let words: Vec<&str> = words.copied().filter(|word| takes_text(word)).collect();
    let others = TEXTS
        .iter()
        .any(|text| takes_text(text) && !words.contains(text));
    if others {
        any.push(json!({"type": "string"}));
    } else if !words.is_empty() {
        any.push(json!({"enum": words}));
    }
    let mut schema = match <[Value; 1]>::try_from(any) {
        Ok([one]) => one,
        Err(several) => json!({"anyOf": several}),
    };
    if let Some(expected) = expected {
        schema["description"] = json!(expected.phrase);
    }
    schema
}
