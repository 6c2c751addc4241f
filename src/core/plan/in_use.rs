//! A VF in use is never taken away: the guard before everything that destroys or rebinds.

use super::{Input, Plan};
use crate::model::{Holder, VfIndex};
use crate::policy::Disruption;
use crate::report::{Problem, ProblemKind};
use std::collections::{BTreeMap, BTreeSet};

/// More VFs than this are counted, not named.
const NAMED: usize = 4;

/// Whether all VFs of the PF may be destroyed for `change`; if not, the plan says why, and if so,
/// from whom they are taken.
pub(super) fn may_destroy(
    input: &Input,
    disruption: Disruption,
    change: &str,
    plan: &mut Plan,
) -> bool {
    let Some(held) = held(input, disruption, None, change, plan) else {
        return false;
    };
    let overridden = input.force || disruption == Disruption::Always;
    if overridden || held.is_empty() {
        plan.taken.extend(held);
        return true;
    }
    let named = held.iter().take(NAMED);
    let mut named: Vec<String> = named
        .map(|(vf, by)| format!("VF {vf} is in use by {}", words(by)))
        .collect();
    match held.len().saturating_sub(NAMED) {
        0 => {}
        1 => named.push("one more VF is in use".to_owned()),
        others => named.push(format!("{others} more VFs are in use")),
    }
    let reason = format!("{change} destroys all VFs, and {}", named.join(", "));
    refuse(input, plan, None, reason);
    false
}

/// Whether one VF may be taken from whoever uses it for `change`; if not, the plan says why, and if
/// so, from whom it is taken.
pub(super) fn may_disturb(
    input: &Input,
    disruption: Disruption,
    vf: VfIndex,
    change: &str,
    plan: &mut Plan,
) -> bool {
    let Some(mut held) = held(input, disruption, Some(vf), change, plan) else {
        return false;
    };
    held.retain(|&index, _| index == vf);
    let overridden = input.force || disruption == Disruption::Always;
    match held.get(&vf) {
        Some(by) if !overridden => {
            let reason = format!("{change} disturbs it, and it is in use by {}", words(by));
            refuse(input, plan, Some(vf), reason);
            false
        }
        _ => {
            plan.taken.extend(held);
            true
        }
    }
}

/// The VFs in use; `None` where that does not matter, or nobody looked yet.
fn held(
    input: &Input,
    disruption: Disruption,
    vf: Option<VfIndex>,
    change: &str,
    plan: &mut Plan,
) -> Option<BTreeMap<VfIndex, BTreeSet<Holder>>> {
    if !input.force && disruption == Disruption::Never {
        forbid(input, plan, vf, change);
        return None;
    }
    let Some(holders) = &input.pf.holders else {
        plan.needs_holders = true;
        return None;
    };
    let mut held = holders.clone();
    held.retain(|_, by| !by.is_empty());
    Some(held)
}

fn words(holders: &BTreeSet<Holder>) -> String {
    holders
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" and ")
}

fn refuse(input: &Input, plan: &mut Plan, vf: Option<VfIndex>, reason: String) {
    let hint = format!(
        "the change is made as soon as the VF is released; \
         `sriovctl apply --force {}` makes it now and takes the VF away",
        input.pf.display_name()
    );
    plan.problems.push(Problem {
        kind: ProblemKind::InUse,
        vf,
        step: None,
        reason,
        hint: Some(hint),
    });
}

fn forbid(input: &Input, plan: &mut Plan, vf: Option<VfIndex>, change: &str) {
    let pf = input.pf.display_name();
    plan.problems.push(Problem {
        kind: ProblemKind::DisruptionForbidden,
        vf,
        step: None,
        reason: format!("{change} is disruptive, and the policy says disruption = \"never\""),
        hint: Some(format!("`sriovctl apply --force {pf}` does it once")),
    });
}
