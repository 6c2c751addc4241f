//! What a reading of the policies misses: many programs empty or remove a file before they write it
//! anew, and a reading in between must not take VFs away.

use super::super::backoff::SETTLE;
use sriovd_core::policy::PolicySet;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// Policies and networks that are in force and were not found, each since when.
#[derive(Debug, Default)]
pub(super) struct Vanished(BTreeMap<Item, Instant>);

type Item = (&'static str, String);

impl Vanished {
    /// When to read again before this reading is believed; `None`: it is.
    pub(super) fn read_again_at(
        &mut self,
        in_force: &PolicySet,
        read: &PolicySet,
        now: Instant,
    ) -> Option<Instant> {
        let found: BTreeSet<Item> = items(read).collect();
        let missed = items(in_force).filter(|item| !found.contains(item));
        let since = |item: &Item| self.0.get(item).copied().unwrap_or(now);
        let missed: BTreeMap<Item, Instant> =
            missed.map(|item| (item.clone(), since(&item))).collect();
        let settled = missed.values().max().map(|&since| since + SETTLE);
        let again = settled.filter(|&settled| settled > now);
        self.0 = again.map_or_else(BTreeMap::new, |_| missed);
        again
    }

    /// Whether a reading is not believed yet.
    pub(super) fn is_doubted(&self) -> bool {
        !self.0.is_empty()
    }

    /// The next reading is believed, whatever it finds.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

fn items(set: &PolicySet) -> impl Iterator<Item = Item> {
    let policies = set
        .policies
        .iter()
        .map(|it| ("policy", it.name.to_string()));
    let networks = set.networks.iter();
    policies.chain(networks.map(|it| ("network", it.name.to_string())))
}

#[cfg(test)]
mod tests;
