//! What the cluster holds, as far as the node has been told.

use crate::crd::NODE_STATE;
use crate::wanted::ThisNode;
use serde_json::Value;
use std::collections::BTreeMap;

/// The kind that the node itself is of.
pub(super) const NODE: &str = "Node";
/// The kind that the node writes.
pub(super) const STATE: &str = NODE_STATE.kind;

/// By namespace and name.
type Objects = BTreeMap<(String, String), Value>;

/// A copy of the cluster's objects by kind. None of it counts before it is whole.
#[derive(Debug, Clone)]
pub(super) struct Mirror {
    tables: BTreeMap<&'static str, Table>,
    /// Higher whenever what is wanted of the node may be another.
    version: u64,
}

#[derive(Debug, Clone, Default)]
struct Table {
    /// `None` before the first list has come to its end.
    objects: Option<Objects>,
    /// A list that has begun.
    listed: Objects,
    is_not_served: bool,
}

/// What a watch tells.
#[derive(Debug)]
pub(super) enum Told {
    ListBegins,
    Listed(Value),
    ListEnds,
    Is(Value),
    IsGone(Value),
    /// The server does not know the kind.
    IsNotServed,
}

impl Mirror {
    /// Nothing is known of these kinds yet.
    pub(super) fn of(kinds: impl Iterator<Item = &'static str>) -> Self {
        Self {
            tables: kinds.map(|kind| (kind, Table::default())).collect(),
            version: 0,
        }
    }

    pub(super) fn take(&mut self, kind: &'static str, told: Told) {
        let table = self.tables.entry(kind).or_default();
        match told {
            Told::ListBegins => table.listed.clear(),
            Told::Listed(object) => drop(table.listed.insert(key(&object), object)),
            Told::ListEnds => {
                table.objects = Some(std::mem::take(&mut table.listed));
                table.is_not_served = false;
            }
            Told::Is(object) => {
                let objects = table.objects.get_or_insert_default();
                objects.insert(key(&object), object);
            }
            Told::IsGone(object) => {
                let objects = table.objects.get_or_insert_default();
                objects.remove(&key(&object));
            }
            Told::IsNotServed => {
                table.objects = Some(Objects::new());
                table.is_not_served = true;
            }
        }
        self.version += u64::from(kind != STATE);
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// The node, and all objects that may want something of it; `None` while not everything is known.
    pub(super) fn objects(&self) -> Option<(ThisNode, Vec<Value>)> {
        let mut all = Vec::new();
        for (_, table) in self.tables.iter().filter(|(kind, _)| **kind != STATE) {
            all.extend(table.objects.as_ref()?.values().cloned());
        }
        let node = self.tables.get(NODE)?.objects.as_ref()?;
        let node = node.values().find_map(ThisNode::of)?;
        Some((node, all))
    }

    /// The object that the node writes, or null where there is none yet; `None` while it is not known or cannot be.
    pub(super) fn state(&self) -> Option<&Value> {
        const NONE: &Value = &Value::Null;
        let table = self.tables.get(STATE).filter(|it| !it.is_not_served)?;
        Some(table.objects.as_ref()?.values().next().unwrap_or(NONE))
    }
}

fn key(object: &Value) -> (String, String) {
    let text = |key: &str| {
        let text = object["metadata"][key].as_str();
        text.unwrap_or_default().to_owned()
    };
    (text("namespace"), text("name"))
}

#[cfg(test)]
mod tests;
