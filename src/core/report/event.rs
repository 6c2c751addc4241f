//! What happens, as it happens: for `/v1/events`, `sriovctl monitor` and the counters of `/metrics`.

use super::{Pause, Problem, ProblemKind, Progress, TakenVf};
use crate::model::{PciAddress, Step, Timestamp, VfIndex};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// One thing that happened. Numbers ascend by one, so that a reader sees when it missed some.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Event {
    /// Ascends by one, from 1 at the daemon's start.
    pub number: u64,
    /// When it happened, in whole seconds.
    pub time: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub happening: Happening,
}

/// What happened; `event` is the kind of it.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Happening {
    /// An event asked for a look.
    Trigger {
        /// The kind of event, such as `udev` or `policy-files`: one of few words, for counters.
        kind: String,
        /// The event in words, as the journal has it in brackets.
        trigger: String,
        /// None: the whole host, or not known yet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pf: Option<PciAddress>,
    },
    /// A pass over a PF starts.
    PassBegun {
        /// The PF.
        pf: PciAddress,
        /// The event that asked for the pass.
        trigger: String,
    },
    /// A round of a pass that has something to do.
    Plan {
        /// The PF.
        pf: PciAddress,
        /// The steps that are due now, in the order in which they are done.
        steps: Vec<PlannedStep>,
    },
    /// A step was done.
    StepDone {
        /// The PF.
        pf: PciAddress,
        /// The VF, where the step is about one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        vf: Option<VfIndex>,
        /// The kind of step, such as `set-numvfs`.
        kind: String,
        /// The step in words.
        step: String,
        /// How long the kernel took, in microseconds.
        duration_usec: u64,
    },
    /// A step failed.
    StepFailed {
        /// The PF.
        pf: PciAddress,
        /// The VF, where the step is about one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        vf: Option<VfIndex>,
        /// The kind of step, such as `set-numvfs`.
        kind: String,
        /// The step in words.
        step: String,
        /// Why it failed.
        error: String,
    },
    /// A pass has come further.
    Progress {
        /// The PF.
        pf: PciAddress,
        /// How far it is.
        #[serde(flatten)]
        progress: Progress,
    },
    /// A pass over a PF is over.
    PassDone {
        /// The PF.
        pf: PciAddress,
        /// The kind of its trigger.
        kind: String,
        /// The event that asked for the pass.
        trigger: String,
        /// The pass in one sentence, as the journal says it; none where there was nothing to do.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        changes: Option<String>,
        /// How many steps were done.
        steps: usize,
        /// Everything is as wanted.
        good: bool,
        /// How long the pass took, in microseconds.
        duration_usec: u64,
    },
    /// Something is not as wanted that was, or for another reason than before.
    ProblemAppeared {
        /// The PF.
        pf: PciAddress,
        /// What is not as wanted, and why.
        problem: Problem,
    },
    /// A problem is over.
    ProblemCleared {
        /// The PF.
        pf: PciAddress,
        /// The problem as it was told when it appeared.
        problem: Problem,
    },
    /// A VF was taken from its holders, because an override or the policy allows it.
    VfTaken(TakenVf),
    /// A PF is seen for the first time.
    PfAppeared {
        /// The PF.
        pf: PciAddress,
    },
    /// A PF is not on the PCI bus any more.
    PfVanished {
        /// The PF.
        pf: PciAddress,
    },
    /// The policy files were read.
    PoliciesLoaded {
        /// The event that asked for it.
        trigger: String,
        /// Files with errors.
        broken: usize,
    },
    /// An output was written, because its content changed.
    OutputWritten {
        /// Its path.
        file: PathBuf,
    },
    /// An output was removed, because nothing is to be in it any more.
    OutputRemoved {
        /// Its path.
        file: PathBuf,
    },
    /// Wanted, and not written, for this reason.
    OutputRefused {
        /// Its path.
        file: PathBuf,
        /// Why it was not written.
        reason: String,
    },
    /// Events were lost, so that the whole host is looked at again.
    Overrun {
        /// Where they were lost, such as `kernel` or `inotify`.
        source: String,
    },
    /// Changes are held from now on.
    Paused {
        /// None: all PFs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pf: Option<PciAddress>,
        /// Until when, and what asked for it.
        #[serde(flatten)]
        pause: Pause,
    },
    /// A pause is over: it was ended, or its time is up.
    Resumed {
        /// None: all PFs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pf: Option<PciAddress>,
        /// The user or program that resumed it; none where the time was over.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
}

/// One step of a plan, in words.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct PlannedStep {
    /// The step, as `sriovctl plan` shows it.
    pub text: String,
    /// It disturbs VFs: their holders lose them or their link.
    pub disruptive: bool,
}

impl PlannedStep {
    /// The words for this step.
    pub fn of(step: &Step) -> Self {
        Self {
            text: step.to_string(),
            disruptive: step.is_disruptive(),
        }
    }
}

impl Happening {
    /// The event of a step that succeeded.
    pub fn step_done(pf: PciAddress, step: &Step, took: Duration) -> Self {
        Self::StepDone {
            pf,
            vf: step.vf(),
            kind: step.kind().to_owned(),
            step: step.to_string(),
            duration_usec: microseconds(took),
        }
    }

    /// The event of a step that failed.
    pub fn step_failed(pf: PciAddress, step: &Step, error: &dyn fmt::Display) -> Self {
        Self::StepFailed {
            pf,
            vf: step.vf(),
            kind: step.kind().to_owned(),
            step: step.to_string(),
            error: error.to_string(),
        }
    }

    /// The PF that it is about, where it is about one.
    pub fn pf(&self) -> Option<PciAddress> {
        match self {
            Self::PassBegun { pf, .. }
            | Self::Plan { pf, .. }
            | Self::StepDone { pf, .. }
            | Self::StepFailed { pf, .. }
            | Self::Progress { pf, .. }
            | Self::PassDone { pf, .. }
            | Self::ProblemAppeared { pf, .. }
            | Self::ProblemCleared { pf, .. }
            | Self::PfAppeared { pf }
            | Self::PfVanished { pf } => Some(*pf),
            Self::Trigger { pf, .. } | Self::Paused { pf, .. } | Self::Resumed { pf, .. } => *pf,
            Self::VfTaken(taken) => Some(taken.pf),
            Self::PoliciesLoaded { .. }
            | Self::OutputWritten { .. }
            | Self::OutputRemoved { .. }
            | Self::OutputRefused { .. }
            | Self::Overrun { .. } => None,
        }
    }
}

/// In whole microseconds, as `*_USEC=` fields of the journal have them.
pub fn microseconds(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

/// One line for people, without the PF.
impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trigger { trigger, .. } => write!(f, "trigger: {trigger}"),
            Self::PassBegun { trigger, .. } => write!(f, "pass begins [{trigger}]"),
            Self::Plan { steps, .. } => {
                let disruptive = steps.iter().filter(|step| step.disruptive).count();
                let all = steps.len();
                let plural = if all == 1 { "" } else { "s" };
                write!(f, "plan: {all} step{plural}")?;
                match disruptive {
                    0 => Ok(()),
                    some => write!(f, ", {some} of them disruptive"),
                }
            }
            Self::StepDone { step, .. } => write!(f, "done: {step}"),
            Self::StepFailed { step, error, .. } => write!(f, "failed: {step}: {error}"),
            Self::Progress { progress, .. } => write!(f, "progress: {progress}"),
            Self::PassDone {
                changes: Some(changes),
                ..
            } => write!(f, "pass ends: {changes}"),
            Self::PassDone { .. } => f.write_str("pass ends: nothing to do"),
            Self::ProblemAppeared { problem, .. } => {
                let word = word(problem.kind);
                write!(f, "{word}: {}", problem.sentence())
            }
            Self::ProblemCleared { problem, .. } => write!(f, "cleared: {}", problem.sentence()),
            Self::VfTaken(taken) => f.write_str(&super::sentence::taken_from(taken)),
            Self::PfAppeared { .. } => f.write_str("appeared"),
            Self::PfVanished { .. } => f.write_str("is gone"),
            Self::PoliciesLoaded { trigger, broken: 0 } => {
                write!(f, "policies read [{trigger}]")
            }
            Self::PoliciesLoaded { trigger, broken } => {
                write!(f, "policies read, {broken} unusable [{trigger}]")
            }
            Self::OutputWritten { file } => write!(f, "{} written", file.display()),
            Self::OutputRemoved { file } => write!(f, "{} removed", file.display()),
            Self::OutputRefused { file, reason } => {
                write!(f, "{} not written: {reason}", file.display())
            }
            Self::Overrun { source } => write!(f, "{source} events were lost"),
            Self::Paused { pause, .. } => write!(f, "paused {pause}"),
            Self::Resumed { by: Some(by), .. } => write!(f, "resumed by {by}"),
            Self::Resumed { by: None, .. } => f.write_str("the pause is over"),
        }
    }
}

fn word(kind: ProblemKind) -> &'static str {
    super::sentence::problem_word(kind)
}
