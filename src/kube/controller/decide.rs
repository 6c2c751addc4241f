//! What is to be written, as a function of what the API server has: nothing where everything is as it should be.
//!
//! `object` and `cluster` are what was seen, `config` and `nad` what a network becomes, `networks`, `policies` and `gone` the
//! three things that are decided, `condition` and `write` what comes of it. Every decision looks at everything, so it does not
//! matter which event came first, or whether one was missed.
#![deny(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros
)]

pub mod cluster;
pub mod condition;
mod config;
mod gone;
mod indent;
mod nad;
mod networks;
pub mod object;
mod policies;
mod whole;
pub mod write;

use object::{Name, Watched};
use serde_json::Value;
use sriovd_core::model::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;
pub use whole::decide;
use write::Write;

/// What the administrator says of the controller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Its own namespace: only networks in it may have their NetworkAttachmentDefinitions elsewhere.
    pub namespace: String,
    /// In front of the pools that the operator's kinds name, and of those whose policy names no other.
    pub resource_prefix: String,
    /// What sriov-network-operator made of a network is ours from now on.
    pub take_over: bool,
    /// How long the state of a node is kept that is gone.
    pub keep_states: Duration,
}

/// What is remembered from one decision to the next. Who begins anew begins with nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Memory {
    /// Since when each node has been gone whose state is still there.
    gone: BTreeMap<Name, Timestamp>,
    /// The UID of each object and the status that it was given last: a definition that lacks a field drops it.
    told: BTreeMap<(Watched, Name), (String, Value)>,
    /// When each object was told something last.
    counted: BTreeMap<(Watched, Name), Timestamp>,
    /// What the API server refused to make of each network, by its owner mark.
    refused: BTreeMap<String, Refused>,
}

/// A write that the API server refused.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Refused {
    why: String,
    times: u32,
    /// Not before this.
    again: Timestamp,
}

impl Memory {
    /// The API server did not make of a network what it was to become, of which `owner` is the mark.
    pub fn refuse(&mut self, owner: &str, why: String, now: Timestamp) {
        let times = self.refused.get(owner).map_or(0, |it| it.times);
        let wait = RETRY * 2_u32.saturating_pow(times.min(6));
        let again = Timestamp::at(now.since_1970() + wait);
        let times = times + 1;
        self.refused
            .insert(owner.to_owned(), Refused { why, times, again });
    }

    /// Whatever an object was told, it does not say so: it is told again.
    pub fn tell_again(&mut self, kind: Watched, name: &Name) {
        let key = (kind, name.clone());
        self.told.remove(&key);
        self.counted.remove(&key);
    }

    /// It did.
    pub fn accept(&mut self, owner: &str) {
        self.refused.remove(owner);
    }
}

/// After the first refusal, and twice as long after each further one, up to five minutes.
const RETRY: Duration = Duration::from_secs(5);

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decision {
    /// In this order. Those for one object do not depend on those for another.
    pub writes: Vec<Write>,
    /// When to decide again even if nothing has happened.
    pub again: Option<Timestamp>,
}

impl Decision {
    fn not_before(&mut self, moment: Timestamp) {
        self.again = Some(self.again.map_or(moment, |other| other.min(moment)));
    }
}

#[cfg(test)]
mod tests;
