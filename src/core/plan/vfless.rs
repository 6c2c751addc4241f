//! What can be done only while the PF has no VFs.

use super::{Input, Plan, in_use};
use crate::model::{PfStep, Step};
use crate::policy::resolve::DesiredPf;
use crate::report::{Problem, ProblemKind};

/// Whether there are VFs in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// There are none.
    Free,
    /// They are removed by this plan.
    Coming,
    /// They stay.
    Refused,
}

/// Removes the VFs for `change`, unless one is in use or another program made them.
pub(super) fn make_room(input: &Input, desired: &DesiredPf, change: &str, plan: &mut Plan) -> Room {
    let pf = input.pf;
    if pf.num_vfs == 0 {
        return Room::Free;
    }
    if desired.num_vfs.is_none() {
        await_others(plan, change);
        return Room::Refused;
    }
    let remove = Step::Pf(PfStep::SetNumVfs {
        from: pf.num_vfs,
        to: 0,
    });
    if input.blocked.stands(&remove, pf) {
        plan.steps.push(remove);
        return Room::Refused;
    }
    if in_use::may_destroy(input, desired.disruption, change, plan) {
        plan.steps.push(remove);
        return Room::Coming;
    }
    Room::Refused
}

/// Told where another program made the VFs.
pub(super) fn await_others(plan: &mut Plan, change: &str) {
    plan.problems.push(Problem {
        kind: ProblemKind::InUse,
        vf: None,
        step: None,
        reason: format!(
            "{change} is done only while there are no VFs, and another program made those that are there"
        ),
        hint: Some("let that program remove its VFs".to_owned()),
    });
}
