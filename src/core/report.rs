//! What a pass found and did, as a value: the journal, status, the API and `STATUS=` all say this.
#![warn(missing_docs)]
#![deny(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros
)]

mod absent;
pub mod event;
pub mod pause;
mod pf;
pub mod progress;
mod seen;
pub mod sentence;
pub mod status;
mod world;

use crate::model::{Holder, PciAddress, PolicyName, ResourceName, Step, VfIndex};
pub use crate::model::{PfState, Problem, ProblemKind};
pub use absent::{AbsentPf, PfName, Present, absent};
pub use event::{Event, Happening};
pub use pause::{Pause, Pauses};
pub use progress::Progress;
use schemars::JsonSchema;
pub use seen::Seen;
use serde::{Deserialize, Serialize};
pub use status::{FileReport, NetworkReport, NotUnderstood, Status};
use std::collections::BTreeSet;
use std::time::Duration;
pub use world::KnownPf;

/// One PF after a pass.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct PfReport {
    /// The PCI address of the PF.
    pub address: PciAddress,
    /// The name of its netdev, where it has one.
    pub interface: Option<String>,
    /// The driver that is bound to it.
    pub driver: Option<String>,
    /// The state in one word; `problems` has the reasons.
    pub state: PfState,
    /// VFs that are as wanted.
    pub vfs_ready: u16,
    /// VFs that its policies want.
    pub vfs_wanted: u16,
    /// VFs that the device offers (`sriov_totalvfs`).
    pub vfs_possible: u16,
    /// The policies that hold for it, strongest first.
    pub policies: Vec<PolicyName>,
    /// The pools that its VFs are in.
    pub pools: BTreeSet<ResourceName>,
    /// What is not as wanted and why, worst first.
    pub problems: Vec<Problem>,
}

impl PfReport {
    /// The PF as a person names it: its interface if it has one, else its address.
    pub fn display_name(&self) -> String {
        let address = || self.address.to_string();
        self.interface.clone().unwrap_or_else(address)
    }

    /// The report of a PF that could not be looked at yet.
    pub fn unseen(address: PciAddress) -> Self {
        Self {
            address,
            interface: None,
            driver: None,
            state: PfState::Failed,
            vfs_ready: 0,
            vfs_wanted: 0,
            vfs_possible: 0,
            policies: Vec::new(),
            pools: BTreeSet::new(),
            problems: Vec::new(),
        }
    }
}

/// A step that was done, and how long the kernel took for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Performed {
    /// What was done.
    pub step: Step,
    /// How long the kernel took.
    pub duration: Duration,
}

/// A VF that a pass took from its holders, because an override or the policy allows it.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct TakenVf {
    /// The PF of the VF.
    pub pf: PciAddress,
    /// The index of the VF.
    pub vf: VfIndex,
    /// The holders that lost it.
    pub holders: BTreeSet<Holder>,
}

/// What a pass has to tell of problems: nothing of those that are as they were.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct News<'a> {
    /// New, or changed.
    pub appeared: Vec<&'a Problem>,
    /// Over, and not replaced by another problem of the same place.
    pub cleared: Vec<&'a Problem>,
}

impl<'a> News<'a> {
    /// What has changed from one pass to the next.
    pub fn between(before: &'a [Problem], after: &'a [Problem]) -> Self {
        let appeared: Vec<_> = after.iter().filter(|it| !before.contains(it)).collect();
        let has_changed = |old: &Problem| appeared.iter().any(|new| new.place() == old.place());
        let gone = before.iter().filter(|it| !after.contains(it));
        let cleared = gone.filter(|old| !has_changed(old)).collect();
        Self { appeared, cleared }
    }
}

/// One problem that several VFs share, so that it is told once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble<'a> {
    /// The first of the equal problems.
    pub problem: &'a Problem,
    /// Ascending; none where it is about the whole PF.
    pub vfs: Vec<VfIndex>,
}

impl<'a> Trouble<'a> {
    /// One for each kind, reason and hint, in the order of the first of them.
    pub fn group(problems: &[&'a Problem]) -> Vec<Self> {
        let mut troubles: Vec<Self> = Vec::new();
        let same =
            |a: &Problem, b: &Problem| (a.kind, &a.reason, &a.hint) == (b.kind, &b.reason, &b.hint);
        for problem in problems {
            match troubles
                .iter_mut()
                .find(|trouble| same(trouble.problem, problem))
            {
                Some(trouble) => trouble.vfs.extend(problem.vf),
                None => troubles.push(Self {
                    problem,
                    vfs: problem.vf.into_iter().collect(),
                }),
            }
        }
        for trouble in &mut troubles {
            trouble.vfs.sort_unstable();
            trouble.vfs.dedup();
        }
        troubles
    }
}

#[cfg(test)]
mod tests;
