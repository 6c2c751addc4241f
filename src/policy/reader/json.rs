//! Tables that are handed on as JSON, as they are.

use super::{Fault, Reader, Table};
use serde_json::{Map, Number, Value, json};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

impl Table<'_> {
    pub(crate) fn object(&mut self, key: &'static str) -> Option<Map<String, Value>> {
        self.tell(key, || json!({"type": "object"}));
        let value = self.raw(key)?;
        match value.get_ref() {
            DeValue::Table(entries) => Some(object(self.reader, entries)),
            other => {
                self.bad(key, value.span(), other, "a table");
                None
            }
        }
    }

    pub(crate) fn objects(&mut self, key: &'static str) -> Vec<Map<String, Value>> {
        self.tell(
            key,
            || json!({"type": "array", "items": {"type": "object"}}),
        );
        let Some(value) = self.raw(key) else {
            return Vec::new();
        };
        let DeValue::Array(items) = value.get_ref() else {
            self.bad(key, value.span(), value.get_ref(), "a list of tables");
            return Vec::new();
        };
        let mut objects = Vec::new();
        for item in items.iter() {
            match item.get_ref() {
                DeValue::Table(entries) => objects.push(object(self.reader, entries)),
                other => self.bad(key, item.span(), other, "a table"),
            }
        }
        objects
    }
}

/// A number as JSON, a whole one without a point: what carries all numbers as doubles (protobuf's
/// `Struct`) makes `5.0` of 5, which CNI plugins refuse. `None` for what is none in JSON.
pub(crate) fn json_number(number: f64) -> Option<Number> {
    // Without an exponent, and without a point where it is whole.
    let digits = number.to_string();
    let signed = || digits.parse::<i64>().map(Number::from).ok();
    let unsigned = || digits.parse::<u64>().map(Number::from).ok();
    signed()
        .or_else(unsigned)
        .or_else(|| Number::from_f64(number))
}

/// The same value with every number of it as `json_number` writes it.
pub(crate) fn with_whole_numbers(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => {
            let whole = number.as_f64().and_then(json_number);
            Value::Number(whole.unwrap_or(number))
        }
        Value::Array(items) => items.into_iter().map(with_whole_numbers).collect(),
        Value::Object(entries) => Value::Object(all_with_whole_numbers(entries)),
        other => other,
    }
}

/// The same for each value of an object.
pub(crate) fn all_with_whole_numbers(entries: Map<String, Value>) -> Map<String, Value> {
    let entries = entries.into_iter();
    entries
        .map(|(key, value)| (key, with_whole_numbers(value)))
        .collect()
}

fn object(reader: &Reader<'_>, entries: &DeTable<'_>) -> Map<String, Value> {
    let entries = entries.iter();
    entries
        .map(|(key, value)| (key.get_ref().to_string(), value_of(reader, value)))
        .collect()
}

/// `Null` where there is no such thing in JSON, which is then reported.
fn value_of(reader: &Reader<'_>, value: &Spanned<DeValue<'_>>) -> Value {
    let number = match value.get_ref() {
        DeValue::String(text) => return Value::String(text.to_string()),
        DeValue::Boolean(value) => return Value::Bool(*value),
        DeValue::Array(items) => {
            return Value::Array(items.iter().map(|item| value_of(reader, item)).collect());
        }
        DeValue::Table(entries) => return Value::Object(object(reader, entries)),
        DeValue::Datetime(_) => {
            let fault = Fault::new("JSON has no dates").suggesting("put it in quotation marks");
            reader.error(&value.span(), fault);
            return Value::Null;
        }
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .ok()
            .map(Number::from),
        DeValue::Float(number) => number.as_str().parse().ok().and_then(json_number),
    };
    number.map(Value::Number).unwrap_or_else(|| {
        reader.error(&value.span(), "JSON has no such number");
        Value::Null
    })
}
