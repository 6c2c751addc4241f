//! The one judge of what is wanted: a draft becomes policies and networks, or everything that is
//! wrong with it. It knows nothing of what the draft was written in.

mod attributes;
mod bridge;
mod network;
mod policy;

use super::draft::{Draft, NetworkDraft, PolicyDraft};
use super::reader::{Fault, Given, KeyPath, Table, read_whole};
use super::{Network, Origin, Policy};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;

/// A draft with what was wrong in it when it was read: values that a key does not take, and keys
/// that its table does not have.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Read<T> {
    /// What could be read.
    pub draft: T,
    /// What could not. Paths begin at the draft.
    pub faults: Vec<Fault>,
}

/// A draft that a program made.
impl<T> From<T> for Read<T> {
    fn from(draft: T) -> Self {
        let faults = Vec::new();
        Self { draft, faults }
    }
}

impl<T: Table> Read<T> {
    /// Reads a table; a value that is none is one fault.
    pub fn of(given: &Given) -> Self {
        let (draft, faults) = read_whole(given);
        let draft = draft.unwrap_or_default();
        Self { draft, faults }
    }
}

/// Reads whatever is given: what is wrong in it is among the faults, and in JSON the path of a
/// fault is a pointer. An error is only what the format itself refuses.
impl<'de, T: Table> Deserialize<'de> for Read<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Given::deserialize(deserializer).map(|given| Self::of(&given))
    }
}

/// What a draft says, with warnings. Names are unique.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Judged {
    /// In their order.
    pub policies: Vec<Policy>,
    /// In their order.
    pub networks: Vec<Network>,
    /// What is allowed, and most likely not meant.
    pub warnings: Vec<Fault>,
}

/// Judges a whole draft, all or nothing. `origin` says where the item at a path was written.
pub fn check(read: Read<Draft>, origin: impl Fn(&KeyPath) -> Origin) -> Result<Judged, Vec<Fault>> {
    let Read { draft, mut faults } = read;
    let mut policies = Items::new("policy");
    for (index, item) in draft.policy.get().into_iter().flatten() {
        let name = item.name.get();
        policies.add(*index, name, &mut faults, |path, faults| {
            policy::policy(item, origin(path), faults)
        });
    }
    let mut networks = Items::new("network");
    for (index, item) in draft.network.get().into_iter().flatten() {
        let name = item.name.get();
        networks.add(*index, name, &mut faults, |path, faults| {
            network::network(item, origin(path), faults)
        });
    }
    judged(faults).map(|warnings| Judged {
        policies: policies.items,
        networks: networks.items,
        warnings,
    })
}

/// Judges one policy on its own. With it come warnings.
pub fn policy(read: Read<PolicyDraft>, origin: Origin) -> Result<(Policy, Vec<Fault>), Vec<Fault>> {
    one(read, |draft, faults| policy::policy(draft, origin, faults))
}

/// Judges one network on its own. With it come warnings.
pub fn network(
    read: Read<NetworkDraft>,
    origin: Origin,
) -> Result<(Network, Vec<Fault>), Vec<Fault>> {
    one(read, |draft, faults| {
        network::network(draft, origin, faults)
    })
}

fn one<D, T>(
    read: Read<D>,
    judge: impl FnOnce(&D, &mut Vec<Fault>) -> Option<T>,
) -> Result<(T, Vec<Fault>), Vec<Fault>> {
    let Read { draft, mut faults } = read;
    match judge(&draft, &mut faults) {
        Some(item) => judged(faults).map(|warnings| (item, warnings)),
        None => Err(faults),
    }
}

/// The warnings, if there is nothing else.
fn judged(faults: Vec<Fault>) -> Result<Vec<Fault>, Vec<Fault>> {
    match faults.iter().any(Fault::is_error) {
        true => Err(faults),
        false => Ok(faults),
    }
}

/// The items of one kind, among which names are unique.
struct Items<'d, T, N> {
    kind: &'static str,
    items: Vec<T>,
    names: BTreeMap<&'d N, KeyPath>,
}

impl<'d, T, N: Ord + std::fmt::Display> Items<'d, T, N> {
    fn new(kind: &'static str) -> Self {
        Self {
            kind,
            items: Vec::new(),
            names: BTreeMap::new(),
        }
    }

    fn add(
        &mut self,
        index: usize,
        name: Option<&'d N>,
        faults: &mut Vec<Fault>,
        judge: impl FnOnce(&KeyPath, &mut Vec<Fault>) -> Option<T>,
    ) {
        let kind = self.kind;
        let path = KeyPath::default().then(kind).then(index);
        let mut own = Vec::new();
        self.items.extend(judge(&path, &mut own));
        faults.extend(own.into_iter().map(|fault| fault.below(&path)));
        let Some(name) = name else { return };
        if let Some(first) = self.names.get(name) {
            let message = format!("a {kind} named \"{name}\" is already");
            let fault = Fault::new(message).at("name").below(&path);
            faults.push(fault.completed_by(first.then("name")));
        } else {
            self.names.insert(name, path);
        }
    }
}

#[cfg(test)]
mod tests;
