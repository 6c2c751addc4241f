//! Steps that failed: not tried again before something changes that could make them succeed.

use super::{Input, Plan};
use crate::model::{DriverName, Mtu, Persistence, PfSnapshot, Step};
use crate::report::{Problem, ProblemKind};
use std::collections::{BTreeMap, BTreeSet};

/// Failures of one PF that still stand, and steps that are left alone for another reason.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Blocked {
    failed: BTreeMap<Step, Block>,
    held: BTreeSet<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Block {
    reason: String,
    persistence: Persistence,
    circumstances: Circumstances,
}

/// What a failed step may have depended on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Circumstances {
    num_vfs: u16,
    driver: Option<DriverName>,
    up: bool,
    link: Option<Link>,
    vf_driver: Option<DriverName>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Link {
    carrier: bool,
    speed: Option<u32>,
    mtu: Mtu,
}

impl Circumstances {
    fn of(step: &Step, pf: &PfSnapshot) -> Self {
        let vf = step.vf().and_then(|vf| pf.vfs.get(&vf));
        // Links come and go: what does not depend on them is not tried again for them.
        let (up, link) = match step {
            // A driver that is bound again is to ask the PF for its address anew, and a PF that is
            // still resetting gives none: it is done with that when it has a link.
            Step::Bind { .. } if vf.is_some_and(|vf| vf.driver.is_some()) => {
                (pf.interface.as_ref(), pf.interface.as_ref())
            }
            Step::SetAutoprobe { .. } | Step::Bind { .. } => (None, None),
            Step::SetNumVfs { .. } => (pf.interface.as_ref(), None),
            Step::SetPfUp { .. }
            | Step::SetPfMtu { .. }
            | Step::SetVf { .. }
            | Step::SetVfMtu { .. } => (pf.interface.as_ref(), pf.interface.as_ref()),
        };
        Self {
            num_vfs: pf.num_vfs,
            driver: pf.driver.clone(),
            up: up.is_some_and(|nic| nic.up),
            link: link.map(|nic| Link {
                carrier: nic.carrier,
                speed: nic.speed,
                mtu: nic.mtu,
            }),
            vf_driver: vf.and_then(|vf| vf.driver.clone()),
        }
    }
}

impl Blocked {
    /// Remember a failure, with the PF as it was seen after it. One that would last is forgiven if
    /// the link came or went in between, as it does after a change of the MTU.
    pub fn insert(
        &mut self,
        step: Step,
        reason: String,
        persistence: Persistence,
        before: &PfSnapshot,
        pf: &PfSnapshot,
    ) {
        let mut circumstances = Circumstances::of(&step, pf);
        if !persistence.is_passing() {
            circumstances.link = Circumstances::of(&step, before).link;
        }
        self.failed.insert(
            step,
            Block {
                reason,
                persistence,
                circumstances,
            },
        );
    }

    /// Leave these alone for now, and no others. Whoever says so tells why.
    pub fn hold(&mut self, steps: BTreeSet<Step>) {
        self.held = steps;
    }

    /// As if it had not been tried.
    pub fn forget(&mut self, step: &Step) {
        self.failed.remove(step);
    }

    /// Forget what may succeed by itself: for a retry after a back-off.
    pub fn allow_retries(&mut self) {
        self.failed
            .retain(|_, block| !block.persistence.is_passing());
    }

    /// Whether the step failed before, as things still are.
    pub(super) fn stands(&self, step: &Step, pf: &PfSnapshot) -> bool {
        self.held.contains(step) || self.problem(step, pf).is_some()
    }

    /// Whether it failed, as things still are, in a way that passes by itself.
    pub(super) fn may_pass(&self, step: &Step, pf: &PfSnapshot) -> bool {
        let block = self.failed.get(step);
        block.is_some_and(|block| {
            block.persistence.is_passing() && block.circumstances == Circumstances::of(step, pf)
        })
    }

    pub(super) fn problem(&self, step: &Step, pf: &PfSnapshot) -> Option<Problem> {
        let block = self.failed.get(step)?;
        (block.circumstances == Circumstances::of(step, pf)).then(|| Problem {
            kind: match block.persistence {
                Persistence::Busy => ProblemKind::Awaits,
                _ => ProblemKind::Failed,
            },
            vf: step.vf(),
            step: Some(step.clone()),
            reason: block.reason.clone(),
            hint: None,
        })
    }

    pub fn awaits_retry(&self) -> bool {
        self.failed
            .values()
            .any(|block| block.persistence.is_passing())
    }

    /// Forget failures of steps that nobody asks for any more, or whose circumstances changed.
    pub fn prune(&mut self, pf: &PfSnapshot, planned: &Plan) {
        self.failed.retain(|step, block| {
            let wanted = planned.steps.contains(step)
                || planned
                    .problems
                    .iter()
                    .any(|problem| problem.step.as_ref() == Some(step));
            wanted && block.circumstances == Circumstances::of(step, pf)
        });
    }
}

/// Take steps that failed under the same circumstances out of the plan, and say why; and those that
/// are held.
pub(super) fn hold_back(plan: &mut Plan, input: &Input) {
    let Plan {
        steps, problems, ..
    } = plan;
    steps.retain(|step| {
        let problem = input.blocked.problem(step, input.pf);
        let go_on = problem.is_none() && !input.blocked.held.contains(step);
        problems.extend(problem);
        go_on
    });
}
