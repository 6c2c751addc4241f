//! A VF in use is never taken away: the guard before everything that destroys or rebinds.

use super::{Input, Plan};
use crate::model::{Holder, VfIndex};
use crate::policy::Disruption;
use crate::report::{Problem, ProblemKind};
use std::collections::BTreeSet;

const FORCE_HINT: &str = "it is done by itself once the VF is released; \
                          `sriovctl apply --force` does it now and takes the VF away";

/// Whether all VFs of the PF may be destroyed for `change`; if not, the plan says why.
pub(super) fn may_destroy(
    input: &Input,
    disruption: Disruption,
    change: &str,
    plan: &mut Plan,
) -> bool {
    if input.force || disruption == Disruption::Always {
        return true;
    }
    if disruption == Disruption::Never {
        forbid(plan, None, change);
        return false;
    }
    let Some(holders) = &input.pf.holders else {
        plan.needs_holders = true;
        return false;
    };
    let mut held = holders.iter().filter(|(_, holders)| !holders.is_empty());
    let Some((first, by)) = held.next() else {
        return true;
    };
    let more = match held.count() {
        0 => String::new(),
        1 => ", and one more VF is in use".to_owned(),
        others => format!(", and {others} more VFs are in use"),
    };
    let reason = format!(
        "{change} destroys all VFs, and VF {first} is in use by {}{more}",
        words(by)
    );
    refuse(plan, None, reason);
    false
}

/// Whether one VF may be taken from whoever uses it for `change`; if not, the plan says why.
pub(super) fn may_disturb(
    input: &Input,
    disruption: Disruption,
    vf: VfIndex,
    change: &str,
    plan: &mut Plan,
) -> bool {
    if input.force || disruption == Disruption::Always {
        return true;
    }
    if disruption == Disruption::Never {
        forbid(plan, Some(vf), change);
        return false;
    }
    let Some(holders) = &input.pf.holders else {
        plan.needs_holders = true;
        return false;
    };
    let Some(by) = holders.get(&vf).filter(|by| !by.is_empty()) else {
        return true;
    };
    refuse(
        plan,
        Some(vf),
        format!("{change} disturbs it, and it is in use by {}", words(by)),
    );
    false
}

fn words(holders: &BTreeSet<Holder>) -> String {
    holders
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" and ")
}

fn refuse(plan: &mut Plan, vf: Option<VfIndex>, reason: String) {
    let hint = Some(FORCE_HINT.to_owned());
    plan.problems.push(Problem {
        kind: ProblemKind::InUse,
        vf,
        step: None,
        reason,
        hint,
    });
}

fn forbid(plan: &mut Plan, vf: Option<VfIndex>, change: &str) {
    plan.problems.push(Problem {
        kind: ProblemKind::DisruptionForbidden,
        vf,
        step: None,
        reason: format!("{change} is disruptive, and the policy says disruption = \"never\""),
        hint: Some("`sriovctl apply --force` does it once".to_owned()),
    });
}
