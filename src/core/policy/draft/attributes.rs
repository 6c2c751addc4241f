//! The attributes of VFs as keys: those of the table of attributes.

use super::value::{Rate, Unicast, VlanId, VlanQos};
use crate::model::attribute::{AttributeFacts, KeyFacts, KeyType, KeyValue, KeyValues};
use crate::model::{LinkState, VfAttribute, VlanProto};
use crate::policy::reader::{At, Boolean, Fault, Given, OneOf, Rule, Table};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::marker::PhantomData;

/// Where such keys stand.
pub trait Scope {
    /// Whether the key can stand there.
    fn has(key: &KeyFacts) -> bool;
}

/// In policies and their single VFs, which can set every attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InPolicies;

/// In networks, which can set what the SR-IOV CNI plugin sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InNetworks;

impl Scope for InPolicies {
    fn has(_: &KeyFacts) -> bool {
        true
    }
}

impl Scope for InNetworks {
    fn has(key: &KeyFacts) -> bool {
        key.networks.is_some()
    }
}

/// The keys of all attributes but the address, which takes more than an address.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AttributesDraft<S> {
    /// `None`: the value is wrong.
    given: BTreeMap<&'static str, Option<KeyValue>>,
    scope: PhantomData<S>,
}

impl<S: Scope> AttributesDraft<S> {
    /// What is given. Of an attribute of which one key is wrong there is nothing: the others may be right with it.
    pub fn values(&self) -> KeyValues {
        let mut values = KeyValues::default();
        for facts in VfAttribute::ALL.map(VfAttribute::facts) {
            let given = || {
                facts
                    .keys()
                    .filter_map(|key| Some((key, *self.given.get(key.key)?)))
            };
            if given().all(|(_, value)| value.is_some()) {
                let right = given().filter_map(|(key, value)| Some((key, value?)));
                right.for_each(|(key, value)| values.insert(key, value));
            }
        }
        values
    }

    /// Whether a key is given, be its value right or wrong.
    pub fn has(&self, key: &KeyFacts) -> bool {
        self.given.contains_key(key.key)
    }

    /// In the order in which they are told: switches last.
    fn rows() -> impl Iterator<Item = (&'static AttributeFacts, &'static KeyFacts)> {
        let all = || VfAttribute::ALL.into_iter().map(VfAttribute::facts);
        let of = |is_switch| all().filter(move |facts| facts.switch().is_some() == is_switch);
        let rows = of(false).chain(of(true));
        let keys = rows.flat_map(|facts| facts.keys().map(move |key| (facts, key)));
        keys.filter(|(_, key)| key.takes != KeyType::Mac && S::has(key))
    }
}

/// The rule of a key by what it takes.
struct KeyRule {
    read: fn(&Given, &At<'_>, &mut Vec<Fault>) -> Option<KeyValue>,
    schema: fn(&mut SchemaGenerator) -> Schema,
}

impl KeyRule {
    fn of(takes: KeyType) -> Self {
        match takes {
            KeyType::Switch => Self::new::<Boolean>(),
            KeyType::Mac => Self::new::<Unicast>(),
            KeyType::VlanId => Self::new::<VlanId>(),
            KeyType::VlanQos => Self::new::<VlanQos>(),
            KeyType::VlanProto => Self::new::<OneOf<VlanProto>>(),
            KeyType::Rate => Self::new::<Rate>(),
            KeyType::LinkState => Self::new::<OneOf<LinkState>>(),
        }
    }

    fn new<R: Rule<Value: Into<KeyValue>>>() -> Self {
        Self {
            read: |given, at, faults| R::read(given, at, faults).map(Into::into),
            schema: R::schema,
        }
    }
}

impl<S: Scope + Default> Table for AttributesDraft<S> {
    const WHAT: &'static str = "the attributes of VFs";

    fn keys() -> Vec<&'static str> {
        Self::rows().map(|(_, key)| key.key).collect()
    }

    fn given(&self) -> Vec<&'static str> {
        let given = Self::rows().filter(|(_, key)| self.has(key));
        given.map(|(_, key)| key.key).collect()
    }

    fn take(&mut self, given: &Given, at: &At<'_>, faults: &mut Vec<Fault>) -> bool {
        let Some((_, key)) = Self::rows().find(|(_, key)| key.key == at.key()) else {
            return false;
        };
        if *given != Given::Null {
            let value = (KeyRule::of(key.takes).read)(given, at, faults);
            self.given.insert(key.key, value);
        }
        true
    }
}

impl<S: Scope> JsonSchema for AttributesDraft<S> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Attributes".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let properties = Self::rows().map(|(facts, key)| {
            let mut schema = (KeyRule::of(key.takes).schema)(generator);
            schema.insert("description".to_owned(), json!(facts.meaning_of(key)));
            (key.key.to_owned(), Value::from(schema))
        });
        let properties: Map<_, _> = properties.collect();
        json_schema!({"type": "object", "properties": properties, "additionalProperties": false})
    }
}
