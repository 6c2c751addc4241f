//! A source: all policies and networks that one program wants, as JSON, judged item by item.
//!
//! The keys are those of policy files, and an item may also say by which words its owner knows it.

mod item;
mod json;
mod value;

use super::file_state::FileState;
use super::reader::{KeyPath, nearest};
use crate::model::{NetworkName, PolicyName, SourceName};
use item::JudgedItem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
pub use value::{ItemContent, ItemFault, ItemKind};

/// The version of what a source is written as, the only one there is.
pub const VERSION: u64 = 1;

/// A larger source is refused, as a larger policy file is.
pub const SOURCE_LIMIT: usize = 1 << 20;

/// What an item of a source has become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemState {
    /// It is in force as it was put.
    InForce,
    /// What was put is not in order; what was good last under this name is in force.
    KeptLastGood,
    /// Nothing of it is in force.
    NoEffect,
}

/// An item of a source, and what has become of it.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct ItemReport {
    /// What it is.
    pub kind: ItemKind,
    /// Its name, if it has one that can be read.
    pub name: Option<String>,
    /// The words by which its owner knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// What it has become.
    pub state: ItemState,
    /// What is wrong with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<ItemFault>,
    /// As it was put. None for an item that is kept although what was put last does not name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<Value>,
}

/// A source, and what has become of each of its items.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct SourceReport {
    /// The source's name.
    pub name: SourceName,
    /// What has become of it as a whole.
    #[serde(flatten)]
    pub state: FileState,
    /// Why what is stored cannot be used at all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<ItemFault>,
    /// Policies and networks, in the order in which they were put.
    pub items: Vec<ItemReport>,
    /// The file's text, where it could be read.
    #[serde(skip)]
    pub text: Option<String>,
}

impl SourceReport {
    /// Everything that is wrong with it, and most likely not meant.
    pub fn all_faults(&self) -> impl Iterator<Item = &ItemFault> {
        let of_items = self.items.iter().flat_map(|item| &item.faults);
        self.faults.iter().chain(of_items)
    }
}

/// An item as it was put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What it is.
    pub kind: ItemKind,
    /// Where it is in the source (RFC 6901), such as `/policy/0`.
    pub pointer: String,
    /// `None` where it cannot be read.
    pub name: Option<String>,
    /// The words by which its owner knows it.
    pub origin: Option<String>,
    /// As it was put.
    pub value: Value,
    /// What is wrong with it, and most likely not meant.
    pub faults: Vec<ItemFault>,
    /// `None` where there is an error among the faults.
    pub content: Option<ItemContent>,
}

/// What a source wants, as far as it can be told by itself. The names of items in order are unique.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceDocument {
    /// In the order in which they were put.
    pub items: Vec<Item>,
}

impl Item {
    /// It could take effect.
    pub fn is_good(&self) -> bool {
        self.content.is_some()
    }

    /// Whether it is the item of this kind and name.
    pub fn is_named(&self, kind: ItemKind, name: &str) -> bool {
        self.kind == kind && self.name.as_deref() == Some(name)
    }

    /// Notes an error, which keeps it from taking effect.
    pub fn add_error(&mut self, fault: ItemFault) {
        self.faults.push(fault);
        self.content = None;
    }
}

impl SourceDocument {
    /// Whether it can be told which names it does not have.
    pub fn is_complete(&self) -> bool {
        self.items.iter().all(|item| item.name.is_some())
    }

    /// The item of this kind and name.
    pub fn find(&self, kind: ItemKind, name: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.is_named(kind, name))
    }

    /// Everything that is wrong with its items, and most likely not meant.
    pub fn faults(&self) -> impl Iterator<Item = &ItemFault> {
        self.items.iter().flat_map(|item| &item.faults)
    }

    /// As it is kept on disk: equal for equal documents, with what is wrong in it.
    pub fn to_text(&self) -> String {
        to_text(self.items.iter().map(|item| (item.kind, &item.value)))
    }
}

/// All that one program wants: the body of a request, and what is kept of it.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct SourceBody<'i> {
    /// The only one there is, and the default.
    #[schemars(with = "Option<u64>")]
    version: u64,
    /// Each has the keys of `[[policy]]` in policy files, and `origin`: the words by which the
    /// program's users know it.
    #[serde(default)]
    #[schemars(with = "Vec<Map<String, Value>>")]
    policy: Vec<&'i Value>,
    /// Each has the keys of `[[network]]` in policy files, and `origin`.
    #[serde(default)]
    #[schemars(with = "Vec<Map<String, Value>>")]
    network: Vec<&'i Value>,
}

/// A document with these items.
pub fn to_text<'i>(items: impl Iterator<Item = (ItemKind, &'i Value)>) -> String {
    let (policies, networks): (Vec<_>, Vec<_>) =
        items.partition(|(kind, _)| *kind == ItemKind::Policy);
    let values = |items: Vec<(ItemKind, &'i Value)>| items.into_iter().map(|(_, it)| it).collect();
    let body = SourceBody {
        version: VERSION,
        policy: values(policies),
        network: values(networks),
    };
    format!("{}\n", json!(body))
}

/// Reads what a source wants. An error where the items cannot be told apart: then nothing of it may
/// count, not even that something is missing.
pub fn read(source: &SourceName, text: &[u8]) -> Result<SourceDocument, Vec<ItemFault>> {
    let value = json::parse(text).map_err(|error| {
        let fault = ItemFault::error("", format!("this is not JSON: {error}"));
        vec![fault]
    })?;
    let Value::Object(mut entries) = value else {
        let message = format!("this is {}", json::kind(&value));
        return Err(vec![ItemFault::error("", message).expecting(SHAPE)]);
    };
    let mut faults = Vec::new();
    if let Some(version) = entries.remove("version")
        && version != VERSION
    {
        let message = format!("bad value for \"version\": {}", json::shown(&version));
        let expected = "1, the only version there is";
        faults.push(ItemFault::error("/version", message).expecting(expected));
    }
    let mut document = SourceDocument::default();
    for kind in ItemKind::ALL {
        match list(&mut entries, kind) {
            Ok(values) => document.items.extend(items(source, kind, values)),
            Err(fault) => faults.push(fault),
        }
    }
    faults.extend(entries.keys().map(|key| {
        let pointer = KeyPath::default().then(key.as_str()).to_string();
        let fault = ItemFault::error(pointer, format!("unknown key {key:?} in this source"));
        let mut fault = fault.expecting("one of version, policy, network");
        let near = nearest(key, &["version", "policy", "network"]);
        fault.suggestion = near.map(|near| format!("did you mean \"{near}\"?"));
        fault
    }));
    if !faults.is_empty() {
        return Err(faults);
    }
    report_twins(&mut document);
    Ok(document)
}

const SHAPE: &str = "an object with the lists \"policy\" and \"network\"";

fn list(entries: &mut Map<String, Value>, kind: ItemKind) -> Result<Vec<Value>, ItemFault> {
    match entries.remove(kind.key()) {
        None => Ok(Vec::new()),
        Some(Value::Array(values)) => Ok(values),
        Some(other) => {
            let message = format!("bad value for \"{kind}\": {}", json::shown(&other));
            Err(ItemFault::error(format!("/{kind}"), message).expecting("a list of objects"))
        }
    }
}

fn items(source: &SourceName, kind: ItemKind, values: Vec<Value>) -> impl Iterator<Item = Item> {
    values.into_iter().enumerate().map(move |(at, value)| {
        let pointer = format!("/{kind}/{at}");
        let name = value.get("name").and_then(Value::as_str);
        let name = name.filter(|name| match kind {
            ItemKind::Policy => name.parse::<PolicyName>().is_ok(),
            ItemKind::Network => name.parse::<NetworkName>().is_ok(),
        });
        let name = name.map(str::to_owned);
        let JudgedItem {
            origin,
            content,
            faults,
        } = item::judge(source, kind, &pointer, &value);
        Item {
            kind,
            pointer,
            name,
            origin,
            value,
            faults,
            content,
        }
    })
}

/// Of two items of one name neither counts: which one is meant cannot be told.
fn report_twins(document: &mut SourceDocument) {
    let mut places: BTreeMap<(ItemKind, String), Vec<usize>> = BTreeMap::new();
    for (at, item) in document.items.iter().enumerate() {
        if let Some(name) = &item.name {
            places
                .entry((item.kind, name.clone()))
                .or_default()
                .push(at);
        }
    }
    for ((kind, name), twins) in places.into_iter().filter(|(_, twins)| twins.len() > 1) {
        let pointers: Vec<String> = twins
            .iter()
            .map(|&at| document.items[at].pointer.clone())
            .collect();
        for (nth, &at) in twins.iter().enumerate() {
            let other = &pointers[usize::from(nth == 0)];
            let message = format!("a {kind} named \"{name}\" is also at {other}");
            let item = &mut document.items[at];
            let pointer = format!("{}/name", item.pointer);
            item.add_error(ItemFault::error(pointer, message));
        }
    }
}

#[cfg(test)]
mod tests;
