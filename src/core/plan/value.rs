//! What a plan says.

use crate::model::{Holder, PfSnapshot, Step, VfIndex, VfStep};
use crate::policy::resolve::Resolution;
use crate::report::{Pause, Problem, ProblemKind};
use std::collections::{BTreeMap, BTreeSet};

/// What to do for one PF now, and what is not done and why.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// In the order in which they are to be done.
    pub steps: Vec<Step>,
    /// What is not as wanted, worst first.
    pub problems: Vec<Problem>,
    /// The planner must know who uses the VFs before it can say more: look again with holders.
    pub needs_holders: bool,
    /// The planner must know which bridges Open vSwitch has before it can say more.
    pub needs_bridges: bool,
    /// The planner must know which addresses other PFs and their VFs have before it can say more.
    pub needs_others: bool,
    /// A VF goes without its address because of another PF.
    pub lacks_address: bool,
    /// VFs whose driver has made no netdev yet.
    pub without_netdev: BTreeSet<VfIndex>,
    /// VFs in use that the steps take away all the same, because somebody said so.
    pub taken: Taken,
}

/// VFs that are taken from who uses them.
pub type Taken = BTreeMap<VfIndex, BTreeSet<Holder>>;

/// Whether the stages after one can be planned from what is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// They can.
    Continue,
    /// They hang on what the steps of this one, or another program, will change: they are for a later plan.
    Wait,
}

impl Plan {
    pub(super) fn problem(&mut self, kind: ProblemKind, reason: impl Into<String>) {
        let reason = reason.into();
        self.problems.push(Problem {
            kind,
            vf: None,
            step: None,
            reason,
            hint: None,
        });
    }

    pub(super) fn binds(&self, index: VfIndex) -> bool {
        let is_bind =
            |step: &Step| matches!(step, Step::Vf(vf, VfStep::Bind { .. }) if *vf == index);
        self.steps.iter().any(is_bind)
    }

    pub(super) fn leaves_to_others(&self, index: VfIndex) -> bool {
        let is_theirs =
            |problem: &Problem| problem.kind == ProblemKind::OfOthers && problem.vf == Some(index);
        self.problems.iter().any(is_theirs)
    }

    /// Whether something may not be done to the PF as a whole.
    pub(super) fn is_refused(&self) -> bool {
        let refused = [ProblemKind::InUse, ProblemKind::DisruptionForbidden];
        let mut of_pf = self.problems.iter().filter(|problem| problem.vf.is_none());
        of_pf.any(|problem| refused.contains(&problem.kind))
    }

    /// Everything that there is to do waits.
    pub(super) fn pause(&mut self, pause: &Pause, resolution: &Resolution) {
        let wait = match self.steps.len() {
            0 if *resolution == Resolution::Unmatched => return,
            0 => String::new(),
            1 => "; 1 step waits".to_owned(),
            steps => format!("; {steps} steps wait"),
        };
        self.steps.clear();
        self.taken.clear();
        self.problem(ProblemKind::Paused, format!("{pause}{wait}"));
    }

    /// Why nothing is said of single VFs.
    pub(super) fn unknown_vfs(&mut self, pf: &PfSnapshot) {
        if pf.count_is_changing {
            let reason = "another program is creating or removing its VFs";
            self.problem(ProblemKind::Awaits, reason);
        } else {
            let reason =
                "the kernel's list of VFs is shorter than it says: their attributes are unknown";
            self.problem(ProblemKind::ShortVfList, reason);
        }
    }

    /// Whether it is no plan yet.
    pub fn needs_more(&self) -> bool {
        self.needs_holders || self.needs_others || self.needs_bridges
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}
