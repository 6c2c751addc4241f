//! Steps that failed: not tried again before something changes that could make them succeed.

use super::{Input, Plan};
use crate::model::{DriverName, Persistence, PfSnapshot, Step};
use crate::report::{Problem, ProblemKind};
use std::collections::BTreeMap;

/// Failures of one PF that still stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Blocked(BTreeMap<Step, Block>);

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
    link: Option<(bool, bool, Option<u32>)>,
    vf_driver: Option<DriverName>,
}

impl Circumstances {
    fn of(step: &Step, pf: &PfSnapshot) -> Self {
        let vf = step.vf().and_then(|vf| pf.vfs.get(&vf));
        Self {
            num_vfs: pf.num_vfs,
            driver: pf.driver.clone(),
            link: pf
                .interface
                .as_ref()
                .map(|nic| (nic.up, nic.carrier, nic.speed)),
            vf_driver: vf.and_then(|vf| vf.driver.clone()),
        }
    }
}

impl Blocked {
    /// Remember a failure, with the PF as it was seen after it.
    pub fn insert(
        &mut self,
        step: Step,
        reason: String,
        persistence: Persistence,
        pf: &PfSnapshot,
    ) {
        let circumstances = Circumstances::of(&step, pf);
        self.0.insert(
            step,
            Block {
                reason,
                persistence,
                circumstances,
            },
        );
    }

    /// Forget what may succeed by itself: for a retry after a back-off.
    pub fn allow_retries(&mut self) {
        self.0
            .retain(|_, block| block.persistence != Persistence::Transient);
    }

    pub fn awaits_retry(&self) -> bool {
        self.0
            .values()
            .any(|block| block.persistence == Persistence::Transient)
    }

    /// Forget failures of steps that nobody asks for any more, or whose circumstances changed.
    pub fn prune(&mut self, pf: &PfSnapshot, planned: &Plan) {
        self.0.retain(|step, block| {
            let wanted = planned.steps.contains(step)
                || planned
                    .problems
                    .iter()
                    .any(|problem| problem.step.as_ref() == Some(step));
            wanted && block.circumstances == Circumstances::of(step, pf)
        });
    }
}

/// Take steps that failed under the same circumstances out of the plan, and say why.
pub(super) fn hold_back(plan: &mut Plan, input: &Input) {
    let blocked = |step: &Step| {
        let block = input.blocked.0.get(step)?;
        (block.circumstances == Circumstances::of(step, input.pf)).then_some(block)
    };
    let problems: Vec<Problem> = plan
        .steps
        .iter()
        .filter_map(|step| blocked(step).map(|block| (step, block)))
        .map(|(step, block)| Problem {
            kind: ProblemKind::Failed,
            vf: step.vf(),
            step: Some(step.clone()),
            reason: block.reason.clone(),
            hint: None,
        })
        .collect();
    plan.steps.retain(|step| blocked(step).is_none());
    plan.problems.extend(problems);
}
