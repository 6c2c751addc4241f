//! Keys, and the tables that they stand in.

use super::given::object;
use super::rule::{At, Rule};
use super::{Fault, Given, PathStep, Scalar, nearest, within};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::marker::PhantomData;

/// A key of a table, which need not be given.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Key<R: Rule> {
    /// The table does not have it.
    #[default]
    Absent,
    /// It has a value that is not one of its own. The fault is told where the table is read.
    Wrong,
    /// It has this value.
    Given(R::Value),
}

impl<R: Rule> Key<R> {
    /// Its value, where it is given and right.
    pub fn get(&self) -> Option<&R::Value> {
        match self {
            Self::Given(value) => Some(value),
            Self::Absent | Self::Wrong => None,
        }
    }

    /// Its value, where it is given and right.
    pub fn cloned(&self) -> Option<R::Value> {
        self.get().cloned()
    }

    /// Its value, or this where it is not given or wrong.
    pub fn or(&self, default: R::Value) -> R::Value {
        self.cloned().unwrap_or(default)
    }

    /// Its value, or the default where it is not given or wrong.
    pub fn or_default(&self) -> R::Value
    where
        R::Value: Default,
    {
        self.cloned().unwrap_or_default()
    }

    /// Whether it is given, be its value right or wrong.
    pub fn is_given(&self) -> bool {
        !matches!(self, Self::Absent)
    }

    /// Reads a key, and adds what is wrong with its value to the faults.
    pub fn read(given: &Given, at: &At<'_>, faults: &mut Vec<Fault>) -> Self {
        match given {
            Given::Null => Self::Absent,
            given => R::read(given, at, faults).map_or(Self::Wrong, Self::Given),
        }
    }
}

impl<R: Rule + Scalar> Key<R> {
    /// Its value; it is a fault of the table if it is not given. `what` names the table.
    pub fn required(
        &self,
        what: &str,
        key: &str,
        faults: &mut Vec<Fault>,
    ) -> Option<<R as Rule>::Value> {
        if !self.is_given() {
            faults.push(missing(what, key).expecting(R::expected()));
        }
        self.cloned()
    }
}

/// That a key which must be there is not.
pub fn missing(what: &str, key: &str) -> Fault {
    Fault::new(format!("{what} has no \"{key}\""))
}

impl<R: Rule> JsonSchema for Key<R> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Key".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        R::schema(generator)
    }
}

/// One value or a list of values; an empty list is a fault.
#[derive(Debug, Clone, PartialEq)]
pub struct Many<R>(PhantomData<R>);

impl<R: Rule> Rule for Many<R> {
    type Value = Vec<R::Value>;

    fn read(given: &Given, at: &At<'_>, faults: &mut Vec<Fault>) -> Option<Self::Value> {
        match given {
            Given::List(items) if items.is_empty() => {
                let fault = Fault::new(format!("\"{}\" is an empty list", at.key));
                faults.push(fault.suggesting("leave the key out, or name at least one"));
                None
            }
            Given::List(items) => {
                let items = items.iter().enumerate();
                let read = items.filter_map(|(index, item)| {
                    within(index, faults, |faults| R::read(item, at, faults))
                });
                Some(read.collect())
            }
            one => R::read(one, at, faults).map(|one| vec![one]),
        }
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        let one = R::schema(generator);
        json_schema!({"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]})
    }
}

/// A list of tables: each with its index, for some may be none.
#[derive(Debug, Clone, PartialEq)]
pub struct List<R>(PhantomData<R>);

impl<R: Rule> Rule for List<R> {
    type Value = Vec<(usize, R::Value)>;

    fn read(given: &Given, at: &At<'_>, faults: &mut Vec<Fault>) -> Option<Self::Value> {
        let Given::List(items) = given else {
            faults.push(at.bad_value(given).expecting("a list of tables"));
            return None;
        };
        let items = items.iter().enumerate();
        let read = items.filter_map(|(index, item)| {
            let read = within(index, faults, |faults| R::read(item, at, faults));
            Some((index, read?))
        });
        Some(read.collect())
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "array", "items": R::schema(generator)})
    }
}

/// A table whose keys are the user's own.
#[derive(Debug, Clone, PartialEq)]
pub struct MapOf<R>(PhantomData<R>);

impl<R: Rule> Rule for MapOf<R> {
    type Value = BTreeMap<String, R::Value>;

    fn read(given: &Given, at: &At<'_>, faults: &mut Vec<Fault>) -> Option<Self::Value> {
        let entries = entries(given, at, faults)?.iter();
        let read = entries.filter_map(|(key, value)| {
            let at = At { key, outer: &[] };
            let value = within(key.as_str(), faults, |faults| R::read(value, &at, faults))?;
            Some((key.clone(), value))
        });
        Some(read.collect())
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "object", "additionalProperties": R::schema(generator)})
    }
}

/// A table that is handed on as JSON, as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Object;

impl Rule for Object {
    type Value = Map<String, Value>;

    fn read(given: &Given, at: &At<'_>, faults: &mut Vec<Fault>) -> Option<Self::Value> {
        Some(object(entries(given, at, faults)?, faults))
    }

    fn schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "object"})
    }
}

fn entries<'g>(
    given: &'g Given,
    at: &At<'_>,
    faults: &mut Vec<Fault>,
) -> Option<&'g [(String, Given)]> {
    match given {
        Given::Table(entries) => Some(entries),
        other => {
            faults.push(at.bad_value(other).expecting("a table"));
            None
        }
    }
}

/// A table with keys of its own. See `table!`.
pub trait Table: Default {
    /// As messages name it: "this policy".
    const WHAT: &'static str;

    /// In the order in which they are told.
    fn keys() -> Vec<&'static str>;

    /// The keys that are given, be their values right or wrong.
    fn given(&self) -> Vec<&'static str>;

    /// Reads the value of a key. `false` where the table does not know it.
    fn take(&mut self, given: &Given, at: &At<'_>, faults: &mut Vec<Fault>) -> bool;
}

/// Reads all keys of a table, those that it does not know included.
pub fn read_table<T: Table>(given: &Given, at: &At<'_>, faults: &mut Vec<Fault>) -> Option<T> {
    let keys = T::keys();
    let mut table = T::default();
    let mut seen = BTreeSet::new();
    for (key, given) in entries(given, at, faults)? {
        let outer = keys.as_slice();
        within(PathStep::Key(key.clone()), faults, |faults| {
            if !seen.insert(key) {
                faults.push(format!("key {key:?} is given twice").into());
            } else if !table.take(given, &At { key, outer }, faults) {
                faults.push(unknown(key, T::WHAT, &keys, at.outer));
            }
        });
    }
    Some(table)
}

/// The table that a whole text is, with its faults.
pub fn read_whole<T: Table>(given: &Given) -> (Option<T>, Vec<Fault>) {
    let mut faults = Vec::new();
    let key = T::WHAT;
    let table = read_table(given, &At { key, outer: &[] }, &mut faults);
    (table, faults)
}

/// The schema of a document that is such a table.
pub fn schema_of<T: JsonSchema>() -> Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12();
    settings.into_generator().into_root_schema_for::<T>().into()
}

fn unknown(name: &str, what: &str, keys: &[&'static str], outer: &[&'static str]) -> Fault {
    let fault = Fault::new(format!("unknown key {name:?} in {what}"))
        .about_name()
        .expecting(format!("one of {}", keys.join(", ")));
    // Keys land in the wrong table if they are written below its header.
    if outer.contains(&name) {
        fault.suggesting(format!(
            "\"{name}\" must stand above the header of this table"
        ))
    } else if let Some(meant) = nearest(name, keys) {
        fault.suggesting(format!("did you mean \"{meant}\"?"))
    } else {
        fault
    }
}

/// A struct of keys. Its doc comments are what schemas and the reference say of each key.
#[doc(hidden)]
#[macro_export]
macro_rules! __table {
    (
        $(#[$doc:meta])*
        $vis:vis $name:ident: $what:literal {
            $($(#[$key_doc:meta])* $key:ident: $rule:ty,)*
        }
        $(with $part:ident: $part_type:ty)*
    ) => {
        #[derive(Debug, Clone, PartialEq, Default, schemars::JsonSchema)]
        $(#[$doc])*
        #[serde(default, deny_unknown_fields)]
        $vis struct $name {
            $($(#[$key_doc])* $vis $key: $crate::policy::reader::Key<$rule>,)*
            $(
                /// Keys that it has in common with other tables.
                #[serde(flatten)]
                $vis $part: $part_type,
            )*
        }

        impl $crate::policy::reader::Table for $name {
            const WHAT: &'static str = $what;

            fn keys() -> Vec<&'static str> {
                #[allow(unused_mut, reason = "some have nothing in common")]
                let mut keys = vec![$(stringify!($key).trim_start_matches("r#")),*];
                $(keys.extend(<$part_type>::keys());)*
                keys
            }

            fn given(&self) -> Vec<&'static str> {
                let mut given = Vec::new();
                $(if self.$key.is_given() {
                    given.push(stringify!($key).trim_start_matches("r#"));
                })*
                $(given.extend(self.$part.given());)*
                given
            }

            fn take(
                &mut self,
                given: &$crate::policy::reader::Given,
                at: &$crate::policy::reader::At<'_>,
                faults: &mut Vec<$crate::policy::reader::Fault>,
            ) -> bool {
                $(if at.key() == stringify!($key).trim_start_matches("r#") {
                    self.$key = $crate::policy::reader::Key::read(given, at, faults);
                    return true;
                })*
                $(if self.$part.take(given, at, faults) {
                    return true;
                })*
                false
            }
        }

        impl $crate::policy::reader::Rule for $name {
            type Value = Self;

            fn read(
                given: &$crate::policy::reader::Given,
                at: &$crate::policy::reader::At<'_>,
                faults: &mut Vec<$crate::policy::reader::Fault>,
            ) -> Option<Self> {
                $crate::policy::reader::read_table(given, at, faults)
            }

            fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                generator.subschema_for::<Self>()
            }
        }
    };
}
pub use __table as table;
