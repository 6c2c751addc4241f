//! What is not as wanted of a PF, and the state that it is in for it.

use super::{Step, VfIndex};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// Another function has the address that a VF is to have.
    AddressTaken,
    /// The kernel's list of VFs is shorter than it announces: nothing is repaired from it.
    ShortVfList,
    /// The PF is a port of a bond, which gives its ports its own MTU, and a policy wants another.
    PortOfBond,
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

impl ProblemKind {
    /// The state of a PF of which this is the worst problem.
    pub fn state(self) -> PfState {
        match self {
            Self::Hung => PfState::Hung,
            Self::Failed | Self::Contested => PfState::Failed,
            Self::Paused => PfState::Paused,
            Self::InUse
            | Self::DisruptionForbidden
            | Self::NoLongerMatches
            | Self::TooManyVfs
            | Self::AddressTaken
            | Self::ShortVfList
            | Self::PortOfBond => PfState::Refused,
            Self::NoDriver | Self::Awaits => PfState::Changing,
            // All that the driver can do is done.
            Self::Unsupported | Self::PfDown => PfState::Ready,
            // All that a policy asks for is done.
            Self::OfOthers => PfState::Ready,
        }
    }
}
