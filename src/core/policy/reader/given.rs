//! A value as it was given, before anything is known of what it should be.

use super::{Fault, PathStep, within};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;
use toml::de::{DeTable, DeValue};

/// A value of TOML or JSON. `Display` shows it in a few words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// Only JSON has it; a key with it counts as not given.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A number without a fraction.
    Integer {
        /// As it was written.
        written: String,
        /// `None` where it has more than 128 bits.
        value: Option<i128>,
    },
    /// A number with a fraction or an exponent, or none at all, as it was written.
    Float(String),
    /// A text.
    Text(String),
    /// A date or time of TOML, as it was written.
    Date(String),
    /// A list.
    List(Vec<Given>),
    /// Keys in their order. JSON may give one twice.
    Table(Vec<(String, Given)>),
}

impl Given {
    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if it is one without a fraction.
    pub fn integer(&self) -> Option<i128> {
        match self {
            Self::Integer { value, .. } => *value,
            _ => None,
        }
    }

    /// For what is handed on as JSON. What JSON does not have is told, and null in the result.
    pub fn to_json(&self, faults: &mut Vec<Fault>) -> Value {
        let number = match self {
            Self::Null => return Value::Null,
            Self::Boolean(value) => return Value::Bool(*value),
            Self::Text(text) => return Value::String(text.clone()),
            Self::List(items) => {
                let items = items.iter().enumerate();
                return items
                    .map(|(at, it)| {
                        within(PathStep::Index(at), faults, |faults| it.to_json(faults))
                    })
                    .collect();
            }
            Self::Table(entries) => return Value::Object(object(entries, faults)),
            Self::Date(_) => {
                faults
                    .push(Fault::new("JSON has no dates").suggesting("put it in quotation marks"));
                return Value::Null;
            }
            Self::Integer { value, .. } => value.and_then(|value| {
                let signed = i64::try_from(value).map(Number::from);
                signed
                    .or_else(|_| u64::try_from(value).map(Number::from))
                    .ok()
            }),
            Self::Float(written) => written.parse().ok().and_then(json_number),
        };
        if number.is_none() {
            faults.push("JSON has no such number".into());
        }
        number.map_or(Value::Null, Value::Number)
    }
}

/// The entries of a table as JSON.
pub(super) fn object(entries: &[(String, Given)], faults: &mut Vec<Fault>) -> Map<String, Value> {
    let entry = |(key, value): &(String, Given)| {
        let step = PathStep::Key(key.clone());
        let value = within(step, faults, |faults| value.to_json(faults));
        (key.clone(), value)
    };
    entries.iter().map(entry).collect()
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Integer { written, .. } | Self::Float(written) | Self::Date(written) => {
                f.write_str(written)
            }
            Self::Text(text) => {
                let start: String = text.chars().take(60).collect();
                let more = if start.len() < text.len() { "…" } else { "" };
                write!(f, "{start:?}{more}")
            }
            Self::List(_) => f.write_str("a list"),
            Self::Table(_) => f.write_str("a table"),
        }
    }
}

impl From<&DeTable<'_>> for Given {
    fn from(table: &DeTable<'_>) -> Self {
        let entry = |(key, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
            let key: &std::borrow::Cow<'_, str> = key.get_ref();
            (key.to_string(), Self::from(value.get_ref()))
        };
        Self::Table(table.iter().map(entry).collect())
    }
}

impl From<&DeValue<'_>> for Given {
    fn from(value: &DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Self::Text(text.to_string()),
            DeValue::Boolean(value) => Self::Boolean(*value),
            DeValue::Integer(number) => Self::Integer {
                written: number.to_string(),
                value: i128::from_str_radix(number.as_str(), number.radix()).ok(),
            },
            DeValue::Float(number) => Self::Float(number.as_str().to_owned()),
            DeValue::Datetime(date) => Self::Date(date.to_string()),
            DeValue::Array(items) => {
                Self::List(items.iter().map(|it| Self::from(it.get_ref())).collect())
            }
            DeValue::Table(table) => Self::from(table),
        }
    }
}

impl From<i128> for Given {
    fn from(number: i128) -> Self {
        Self::Integer {
            written: number.to_string(),
            value: Some(number),
        }
    }
}

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Given;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Given, E> {
        Ok(Given::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Given, E> {
        Ok(Given::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Given, E> {
        Ok(i128::from(value).into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Given, E> {
        Ok(i128::from(value).into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Given, E> {
        Ok(Given::Float(format!("{value:?}")))
    }

    fn visit_str<E>(self, text: &str) -> Result<Given, E> {
        Ok(Given::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Given, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Given::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Given, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Given::Table(entries))
    }
}

/// A number as JSON, a whole one without a point: what carries all numbers as doubles (protobuf's
/// `Struct`) makes `5.0` of 5, which CNI plugins refuse. `None` for what is none in JSON.
pub fn json_number(number: f64) -> Option<Number> {
    // Without an exponent, and without a point where it is whole.
    let digits = number.to_string();
    let signed = || digits.parse::<i64>().map(Number::from).ok();
    let unsigned = || digits.parse::<u64>().map(Number::from).ok();
    signed()
        .or_else(unsigned)
        .or_else(|| Number::from_f64(number))
}

/// The same object with every number in it as `json_number` writes it.
pub fn all_with_whole_numbers(entries: Map<String, Value>) -> Map<String, Value> {
    let entries = entries.into_iter();
    entries
        .map(|(key, value)| (key, with_whole_numbers(value)))
        .collect()
}

fn with_whole_numbers(value: Value) -> Value {
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
