//! The attributes that are on or off, as keys: those of the table of attributes.

use crate::model::attribute::AttributeFacts;
use crate::model::{VfAttribute, VfSetting};
use crate::policy::reader::{At, Boolean, Fault, Given, Key, Rule, Table};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::marker::PhantomData;

/// Where such keys stand.
pub trait Scope {
    /// Whether the attribute has a key there.
    fn has(facts: &AttributeFacts) -> bool;
}

/// In policies and their single VFs, which can set every attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InPolicies;

/// In networks, which can set what the SR-IOV CNI plugin sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InNetworks;

impl Scope for InPolicies {
    fn has(_: &AttributeFacts) -> bool {
        true
    }
}

impl Scope for InNetworks {
    fn has(facts: &AttributeFacts) -> bool {
        facts.key.networks.is_some()
    }
}

/// A key for each attribute that is on or off.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Switches<S> {
    given: BTreeMap<VfAttribute, Key<Boolean>>,
    scope: PhantomData<S>,
}

impl<S: Scope> Switches<S> {
    /// What is set, where the value is right.
    pub fn settings(&self) -> impl Iterator<Item = VfSetting> {
        VfAttribute::switches().filter_map(|(facts, make)| {
            let on = self.given.get(&facts.attribute)?.get()?;
            Some(make(*on))
        })
    }

    fn rows() -> impl Iterator<Item = &'static AttributeFacts> {
        let rows = VfAttribute::switches().map(|(facts, _)| facts);
        rows.filter(|facts| S::has(facts))
    }
}

impl<S: Scope + Default> Table for Switches<S> {
    const WHAT: &'static str = "the switches of VFs";

    fn keys() -> Vec<&'static str> {
        Self::rows().map(|facts| facts.key.key).collect()
    }

    fn given(&self) -> Vec<&'static str> {
        let given = self.given.iter().filter(|(_, key)| key.is_given());
        given
            .map(|(attribute, _)| attribute.facts().key.key)
            .collect()
    }

    fn take(&mut self, given: &Given, at: &At<'_>, faults: &mut Vec<Fault>) -> bool {
        let Some(facts) = Self::rows().find(|facts| facts.key.key == at.key()) else {
            return false;
        };
        let key = Key::read(given, at, faults);
        self.given.insert(facts.attribute, key);
        true
    }
}

impl<S: Scope> JsonSchema for Switches<S> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Switches".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let properties = Self::rows().map(|facts| {
            let mut schema = Boolean::schema(generator);
            schema.insert("description".to_owned(), json!(facts.meaning));
            (facts.key.key.to_owned(), Value::from(schema))
        });
        let properties: Map<_, _> = properties.collect();
        json_schema!({"type": "object", "properties": properties, "additionalProperties": false})
    }
}
