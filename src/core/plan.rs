//! From what is wanted, what is and what we own to what is done next. Pure: no clock, file or socket.
//!
//! A plan holds only what can be done from the snapshot at hand; what follows from it is in the
//! next plan. So verification is planning again, and an empty plan is the proof.
#![warn(missing_docs)]
#![deny(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros
)]

mod address;
pub mod blocked;
mod count;
mod eswitch;
mod in_use;
mod kept;
mod netdev;
mod offload;
pub mod owned;
pub mod presumed;
mod rdma;
mod removal;
mod representor;
mod stage;
mod vf;

use crate::model::{Holder, PfSnapshot, Step, TakenAddresses, VfIndex, VfStep};
use crate::policy::resolve::Resolution;
use crate::report::{Pause, Problem, ProblemKind};
pub use blocked::Blocked;
pub use owned::{Capability, OwnedPf};
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

/// Everything that a plan for one PF depends on.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// What the policies want.
    pub resolution: &'a Resolution,
    /// The PF as the last look found it.
    pub pf: &'a PfSnapshot,
    /// What sriovd has set on it and may undo; `None`: nothing.
    pub owned: Option<&'a OwnedPf>,
    /// The addresses of the other PFs and their VFs.
    pub others: Others<'a>,
    /// Steps that failed and are not tried again as things are.
    pub blocked: &'a Blocked,
    /// The administrator's word that VFs in use may be taken away.
    pub force: bool,
    /// Nothing is to be done now.
    pub paused: Option<&'a Pause>,
    /// The PF's driver has had time enough to make an interface.
    pub interface_is_overdue: bool,
}

/// Where the addresses of other PFs and their VFs are known from.
#[derive(Debug, Clone, Copy)]
pub enum Others<'a> {
    /// From passes over those PFs: enough to say why a VF goes without its address.
    Known(&'a TakenAddresses),
    /// From a look at them just now: enough to give it one.
    Seen(&'a TakenAddresses),
}

/// The steps that are due now. The next look decides about those after them.
pub fn plan(input: &Input) -> Plan {
    let mut plan = Plan::default();
    match input.resolution {
        Resolution::AwaitsName => kept::tell_of_the_name(input, &mut plan),
        Resolution::Unmatched => {
            if let Some(owned) = input.owned {
                removal::plan_removal(input, owned, &mut plan);
            }
        }
        Resolution::Desired(desired) if desired.is_kept() => kept::tell(input, desired, &mut plan),
        Resolution::Desired(desired) => drop(stage::plan(input, desired, &mut plan)),
    }
    if plan.needs_holders || plan.needs_others {
        plan.steps.clear();
        plan.taken.clear();
    }
    blocked::hold_back(&mut plan, input);
    count::let_default_driver_probe(input, &mut plan);
    if let Some(pause) = input.paused {
        plan.pause(pause, input.resolution);
    }
    plan.problems.sort();
    // What holds for the whole PF comes up with each of its VFs.
    plan.problems.dedup();
    plan
}

impl Plan {
    fn problem(&mut self, kind: ProblemKind, reason: impl Into<String>) {
        let reason = reason.into();
        self.problems.push(Problem {
            kind,
            vf: None,
            step: None,
            reason,
            hint: None,
        });
    }

    fn binds(&self, index: VfIndex) -> bool {
        let is_bind =
            |step: &Step| matches!(step, Step::Vf(vf, VfStep::Bind { .. }) if *vf == index);
        self.steps.iter().any(is_bind)
    }

    fn leaves_to_others(&self, index: VfIndex) -> bool {
        let is_theirs =
            |problem: &Problem| problem.kind == ProblemKind::OfOthers && problem.vf == Some(index);
        self.problems.iter().any(is_theirs)
    }

    /// Whether something may not be done to the PF as a whole.
    fn is_refused(&self) -> bool {
        let refused = [ProblemKind::InUse, ProblemKind::DisruptionForbidden];
        let mut of_pf = self.problems.iter().filter(|problem| problem.vf.is_none());
        of_pf.any(|problem| refused.contains(&problem.kind))
    }

    /// Everything that there is to do waits.
    fn pause(&mut self, pause: &Pause, resolution: &Resolution) {
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
    fn unknown_vfs(&mut self, pf: &PfSnapshot) {
        if pf.count_is_changing {
            let reason = "another program is creating or removing its VFs";
            self.problem(ProblemKind::Awaits, reason);
        } else {
            let reason =
                "the kernel's list of VFs is shorter than it says: their attributes are unknown";
            self.problem(ProblemKind::ShortVfList, reason);
        }
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

#[cfg(test)]
mod tests;
