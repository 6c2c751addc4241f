//! Pauses: changes are held while an administrator works on the host.

use crate::model::{PciAddress, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// sriovd changes nothing until the pause is over.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Pause {
    /// When it ends; none: when it is resumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The user or program that asked for it.
    pub by: String,
}

impl Pause {
    /// Whether its end is reached.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "by {}", self.by)?;
        match self.until {
            Some(until) => write!(f, " until {until}"),
            None => f.write_str(" until it is resumed"),
        }
    }
}

/// What is paused: the whole host, or single PFs.
#[derive(Debug, Clone, PartialEq, Eq, Default, JsonSchema, Serialize, Deserialize)]
pub struct Pauses {
    /// The pause of all PFs, those included that appear later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all: Option<Pause>,
    /// Pauses of single PFs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pfs: BTreeMap<PciAddress, Pause>,
}

impl Pauses {
    /// Whether nothing is paused.
    pub fn is_empty(&self) -> bool {
        self.all.is_none() && self.pfs.is_empty()
    }

    /// The pause that holds longest for a PF.
    pub fn of(&self, pf: PciAddress) -> Option<&Pause> {
        let own = self.pfs.get(&pf);
        let pauses = [self.all.as_ref(), own].into_iter().flatten();
        pauses.max_by_key(|pause| (pause.until.is_none(), pause.until))
    }

    /// The first end of a pause that has one.
    pub fn next_end(&self) -> Option<Timestamp> {
        let pauses = self.all.iter().chain(self.pfs.values());
        pauses.filter_map(|pause| pause.until).min()
    }

    /// Drops the pauses that are over. Whether there were any.
    pub fn end(&mut self, now: Timestamp) -> bool {
        let before = self.clone();
        self.all.take_if(|pause| pause.is_over(now));
        self.pfs.retain(|_, pause| !pause.is_over(now));
        *self != before
    }
}

#[cfg(test)]
mod tests;
