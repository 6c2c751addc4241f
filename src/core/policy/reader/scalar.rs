//! Keys that take one value: a number, a text, one of a few words.

use super::rule::{At, Rule};
use super::{Fault, Given, nearest};
use crate::model::Malformed;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::fmt::Debug;
use std::marker::PhantomData;
use std::str::FromStr;
use toml::de::DeValue;

/// What such a key takes.
pub trait Scalar {
    /// What it becomes.
    type Value: Clone + Debug + PartialEq;

    /// In schemas.
    fn name() -> &'static str;

    /// Completes "expected …".
    fn expected() -> Cow<'static, str>;

    /// Words that it takes, among others or not, for which a typing error is looked for.
    fn words() -> Vec<&'static str> {
        Vec::new()
    }

    /// The types and limits that JSON Schema can tell.
    fn kinds() -> Value;

    /// `None` of what it does not take.
    fn parse(given: &Given) -> Option<Self::Value>;

    /// What to say instead of `expected` and of words that are near.
    fn expected_instead(_given: &Given) -> Option<&'static str> {
        None
    }
}

impl<S: Scalar> Rule for S {
    type Value = S::Value;

    fn read(given: &Given, at: &At<'_>, faults: &mut Vec<Fault>) -> Option<S::Value> {
        let value = S::parse(given);
        if value.is_none() {
            let fault = at.bad_value(given);
            faults.push(match S::expected_instead(given) {
                Some(expected) => fault.expecting(expected),
                None => Fault {
                    suggestion: suggestion::<S>(given),
                    ..fault.expecting(S::expected())
                },
            });
        }
        value
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Definition<S>>()
    }
}

/// Another spelling of a word, or the value with or without quotation marks.
fn suggestion<S: Scalar>(given: &Given) -> Option<String> {
    let text = match given {
        Given::Text(text) => text,
        Given::Null | Given::List(_) | Given::Table(_) => return None,
        other => {
            let quoted = other.to_string();
            let accepted = S::parse(&Given::Text(quoted.clone())).is_some();
            return accepted.then(|| format!("write \"{quoted}\" in quotation marks"));
        }
    };
    if let Some(word) = nearest(text, &S::words()) {
        return Some(format!("did you mean \"{word}\"?"));
    }
    let plain = match text.as_str() {
        "on" | "yes" => "true",
        "off" | "no" => "false",
        other => other,
    };
    let unquoted = DeValue::parse(plain).ok()?;
    let unquoted = Given::from(unquoted.get_ref());
    (unquoted.text().is_none() && S::parse(&unquoted).is_some())
        .then(|| format!("write {plain} without quotation marks"))
}

/// The schema of what a scalar takes, under its name.
struct Definition<S>(PhantomData<S>);

impl<S: Scalar> JsonSchema for Definition<S> {
    fn schema_name() -> Cow<'static, str> {
        S::name().into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        let mut schema = S::kinds();
        schema["description"] = json!(S::expected());
        schema.try_into().unwrap_or_default()
    }
}

/// A key for a whole number, or for a text, that has no type of its own.
#[doc(hidden)]
#[macro_export]
macro_rules! __scalar {
    ($(#[$doc:meta])* $vis:vis $name:ident($value:ty), $range:expr, $expected:expr) => {
        $crate::policy::reader::scalar! {
            $(#[$doc])* $vis $name($value) as $expected, Vec::new(),
            serde_json::json!({"type": "integer", "minimum": $range.start(), "maximum": $range.end()}),
            |given| $crate::policy::reader::integer(given, $range)
        }
    };
    ($(#[$doc:meta])* $vis:vis $name:ident($value:ty): text, $expected:expr, $parse:expr) => {
        $crate::policy::reader::scalar! {
            $(#[$doc])* $vis $name($value) as $expected, Vec::new(), serde_json::json!({"type": "string"}),
            |given| given.text().and_then($parse)
        }
    };
    ($(#[$doc:meta])* $vis:vis $name:ident($value:ty) as $expected:expr, $words:expr, $kinds:expr, $parse:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $vis struct $name;

        impl $crate::policy::reader::Scalar for $name {
            type Value = $value;

            fn name() -> &'static str {
                stringify!($name)
            }

            fn expected() -> std::borrow::Cow<'static, str> {
                $expected.into()
            }

            fn words() -> Vec<&'static str> {
                $words
            }

            fn kinds() -> serde_json::Value {
                $kinds
            }

            fn parse(given: &$crate::policy::reader::Given) -> Option<$value> {
                let parse: fn(&$crate::policy::reader::Given) -> Option<$value> = $parse;
                parse(given)
            }
        }
    };
}
pub use __scalar as scalar;

/// A whole number in a range that `T` can hold.
pub fn integer<T: TryFrom<i128>>(
    given: &Given,
    range: std::ops::RangeInclusive<i128>,
) -> Option<T> {
    let number = given.integer().filter(|number| range.contains(number))?;
    T::try_from(number).ok()
}

scalar! {
    /// A key that is on or off.
    pub Boolean(bool) as "true or false", Vec::new(), json!({"type": "boolean"}), |given| match given {
        Given::Boolean(value) => Some(*value),
        _ => None,
    }
}

scalar! {
    /// Any text.
    pub Text(String): text, "a text", |text| Some(text.to_owned())
}

/// A text that the type of its value knows how to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parsed<T>(PhantomData<T>);

impl<T: FromStr<Err = Malformed> + Clone + Debug + PartialEq> Scalar for Parsed<T> {
    type Value = T;

    fn name() -> &'static str {
        let path = std::any::type_name::<T>();
        path.rsplit("::").next().unwrap_or(path)
    }

    fn expected() -> Cow<'static, str> {
        // Every such type refuses the empty text and says what it wants instead.
        let refused = "".parse::<T>().err();
        refused
            .map_or("a text", |malformed| malformed.expected)
            .into()
    }

    fn kinds() -> Value {
        json!({"type": "string"})
    }

    fn parse(given: &Given) -> Option<T> {
        given.text()?.parse().ok()
    }
}

/// A type whose values are words.
pub trait Words: Copy + Debug + PartialEq + 'static {
    /// Each value by its word.
    const WORDS: &'static [(&'static str, Self)];
}

/// One of a few words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OneOf<T>(PhantomData<T>);

impl<T: Words> Scalar for OneOf<T> {
    type Value = T;

    fn name() -> &'static str {
        let path = std::any::type_name::<T>();
        path.rsplit("::").next().unwrap_or(path)
    }

    fn expected() -> Cow<'static, str> {
        quoted(&Self::words()).into()
    }

    fn words() -> Vec<&'static str> {
        T::WORDS.iter().map(|(word, _)| *word).collect()
    }

    fn kinds() -> Value {
        json!({"type": "string", "enum": Self::words()})
    }

    fn parse(given: &Given) -> Option<T> {
        let text = given.text()?;
        let found = T::WORDS.iter().find(|(word, _)| *word == text);
        found.map(|(_, value)| *value)
    }
}

/// `"a", "b" or "c"`.
pub fn quoted(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    match quoted.as_slice() {
        [others @ .., last] if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => quoted.concat(),
    }
}
