//! What other programs wrote of policies and networks, as policies and networks of ours.
//!
//! `node` is any tree of values, `fields` a table of it of which nothing gets lost unseen, `item` a policy or a network
//! while it is made, `operator` what sriov-network-operator's kinds become. What cannot be carried over is told, and a
//! policy that would mean other PFs than it did is carried over switched off.

pub mod fields;
pub mod item;
pub mod node;
pub mod operator;
pub mod select;
mod unreadable;

use crate::model::{NetworkName, PolicyName};
use crate::policy::source::ItemKind;
use item::Item;
use std::collections::BTreeSet;
pub use unreadable::Unreadable;

/// The names that are taken, of which each kind has its own.
#[derive(Debug, Default)]
pub struct Names(BTreeSet<(ItemKind, String)>);

impl Names {
    /// A name that is free: the one that is wanted, or that with a number.
    pub fn take(&mut self, kind: ItemKind, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        let mut number = 2;
        while !self.0.insert((kind, name.clone())) {
            name = format!("{wanted}-{number}");
            number += 1;
        }
        name
    }
}

/// Puts items into the order in which they win as they did, under names that are unique, with all that they need.
pub fn settle(items: Vec<Item>) -> Vec<Item> {
    // Of equal priority the one that is read later wins here; of the operator's policies the
    // one whose name comes last.
    let is_operators = |item: &Item| item.kind == ItemKind::Policy && item.by_name;
    let (mut by_name, others): (Vec<_>, Vec<_>) = items.into_iter().partition(is_operators);
    by_name.sort_by(|a, b| a.name.cmp(&b.name));
    let mut items: Vec<_> = by_name.into_iter().chain(others).collect();
    unique(&mut items);
    items.iter_mut().for_each(Item::complete);
    items
}

/// Kubernetes has namespaces, and one name may stand in several.
fn unique(items: &mut [Item]) {
    let mut names = Names::default();
    for item in items {
        let wanted = item.name.clone();
        item.name = names.take(item.kind, &wanted);
        if item.name != wanted && item.kind == ItemKind::Network {
            item.note(None, format!("another {} is called {wanted:?}", item.kind));
        }
        let valid = match item.kind {
            ItemKind::Policy => item.name.parse::<PolicyName>().map(drop),
            ItemKind::Network => item.name.parse::<NetworkName>().map(drop),
        };
        if let Err(malformed) = valid {
            item.note(None, format!("change the name: {malformed}"));
        }
    }
}
