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

use crate::model::{Holder, PciAddress, PolicyName, ResourceName, Step, VfIndex};
pub use absent::{AbsentPf, PfName, Present, absent};
pub use event::{Event, Happening};
pub use pause::{Pause, Pauses};
pub use progress::Progress;
use schemars::JsonSchema;
pub use seen::Seen;
use serde::{Deserialize, Serialize};
pub use status::{FileReport, NetworkReport, Status};
use std::collections::BTreeSet;
use std::time::Duration;

/// How a PF is, in one word. A later one is worse: of several that hold, the last is told.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum PfState {
    /// Everything is as the policies want it.
    Ready,
    /// Changes are held (`sriovctl pause`): what is wanted is not done before the pause is over.
    Paused,
    /// A pass is at work, or waits for a driver, the interface's name or link.
    Changing,
    /// Something wanted is not done, for a reason outside sriovd: a holder, a policy, what the device offers.
    Refused,
    /// A step or a look failed.
    Failed,
    /// A kernel call has not returned by its deadline.
    Hung,
    /// No policy names it.
    Unmanaged,
}

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

/// Something that is not as wanted. It is kept until it changes or ends.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize)]
pub struct Problem {
    /// What kind of problem, for programs.
    pub kind: ProblemKind,
    /// The VF that it is about; none where it is about the whole PF.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vf: Option<VfIndex>,
    /// The step that failed, is refused or waits, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Step>,
    /// One sentence without the PF's and the VF's name.
    pub reason: String,
    /// What would clear it, where that is not obvious.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Problem {
    /// The reason, with the VF that it is about in front.
    pub fn sentence(&self) -> String {
        match self.vf {
            Some(vf) => format!("VF {vf}: {}", self.reason),
            None => self.reason.clone(),
        }
    }

    /// What it is about. Another one in the same place is the same problem, changed.
    pub fn place(&self) -> (ProblemKind, Option<VfIndex>, Option<&Step>, Option<&str>) {
        use ProblemKind::{Awaits, Failed, NoLongerMatches, Unsupported};
        // Of these there may be several side by side, which nothing but the reason tells apart.
        let several =
            matches!(self.kind, Awaits | NoLongerMatches | Unsupported) && self.step.is_none();
        let reason = several.then_some(self.reason.as_str());
        // A step that has not succeeded yet and one that failed: the one becomes the other.
        let kind = match self.kind {
            Awaits if self.step.is_some() => Failed,
            kind => kind,
        };
        (kind, self.vf, self.step.as_ref(), reason)
    }
}

/// The kind of a problem, for programs; the worst first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// A kernel call has not returned by its deadline.
    Hung,
    /// Changes are held; see `Pause`.
    Paused,
    /// A step failed. It is tried again after a delay, or when something changes on which it depends.
    Failed,
    /// Another program undoes it again and again.
    Contested,
    /// A VF in use is in the way.
    InUse,
    /// The policy's own `disruption` forbids it.
    DisruptionForbidden,
    /// A policy that took the PF does not match it any more, although the policy has not changed.
    NoLongerMatches,
    /// More VFs are wanted than the device offers.
    TooManyVfs,
    /// The kernel's list of VFs is shorter than it announces: nothing is repaired from it.
    ShortVfList,
    /// The PF has no driver bound.
    NoDriver,
    /// Something has to happen first: a link that comes up, a driver, the final name of an interface.
    Awaits,
    /// The driver does not support an attribute.
    Unsupported,
    /// An administrator set the PF down, and it is left down.
    PfDown,
    /// Another program has chosen a driver for the VF, and its policy names none.
    OfOthers,
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
