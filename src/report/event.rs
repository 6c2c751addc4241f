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
    pub number: u64,
    pub time: Timestamp,
    #[serde(flatten)]
    pub happening: Happening,
}

#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Happening {
    /// Something said "look again".
    Trigger {
        kind: String,
        trigger: String,
        /// None: the whole host, or not known yet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pf: Option<PciAddress>,
    },
    PassBegun {
        pf: PciAddress,
        trigger: String,
    },
    /// A round of a pass that has something to do.
    Plan {
        pf: PciAddress,
        steps: Vec<PlannedStep>,
    },
    StepDone {
        pf: PciAddress,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        vf: Option<VfIndex>,
        kind: String,
        step: String,
        duration_usec: u64,
    },
    StepFailed {
        pf: PciAddress,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        vf: Option<VfIndex>,
        kind: String,
        step: String,
        error: String,
    },
    Progress {
        pf: PciAddress,
        #[serde(flatten)]
        progress: Progress,
    },
    PassDone {
        pf: PciAddress,
        /// The kind of its trigger.
        kind: String,
        trigger: String,
        /// The pass in one sentence, as the journal says it; none where there was nothing to do.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        changes: Option<String>,
        /// How many steps were done.
        steps: usize,
        /// Everything is as wanted.
        good: bool,
        duration_usec: u64,
    },
    ProblemAppeared {
        pf: PciAddress,
        problem: Problem,
    },
    ProblemCleared {
        pf: PciAddress,
        problem: Problem,
    },
    VfTaken(TakenVf),
    PfAppeared {
        pf: PciAddress,
    },
    PfVanished {
        pf: PciAddress,
    },
    PoliciesLoaded {
        trigger: String,
        /// Files with errors.
        broken: usize,
    },
    OutputWritten {
        file: PathBuf,
    },
    OutputRemoved {
        file: PathBuf,
    },
    /// Wanted, and not written, for this reason.
    OutputRefused {
        file: PathBuf,
        reason: String,
    },
    Overrun {
        source: String,
    },
    Paused {
        /// None: all PFs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pf: Option<PciAddress>,
        #[serde(flatten)]
        pause: Pause,
    },
    /// By somebody, or by itself.
    Resumed {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pf: Option<PciAddress>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct PlannedStep {
    pub text: String,
    /// It takes VFs away from whoever uses them.
    pub disruptive: bool,
}

impl PlannedStep {
    pub fn of(step: &Step) -> Self {
        Self {
            text: step.to_string(),
            disruptive: step.is_disruptive(),
        }
    }
}

impl Happening {
    pub fn step_done(pf: PciAddress, step: &Step, took: Duration) -> Self {
        Self::StepDone {
            pf,
            vf: step.vf(),
            kind: step.kind().to_owned(),
            step: step.to_string(),
            duration_usec: microseconds(took),
        }
    }

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
