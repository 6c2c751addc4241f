//! The mode of the NIC's own switch, which is changed only while there are no VFs.
//!
//! Some drivers refuse a mode while there are VFs (ice), others take it under them (mlx5). Without VFs every one takes
//! it, and nobody loses anything.

use super::owned::{Capability, OwnedPf};
use super::value::Next;
use super::vfless::{self, Room};
use super::{Input, Plan, bridge};
use crate::model::{EswitchMode, Holder, PfSnapshot, PfStep, Step};
use crate::policy::Disruption;
use crate::policy::resolve::DesiredPf;
use crate::report::ProblemKind;

const HIDDEN: &str = "its eSwitch mode is not known: asking for it needs CAP_NET_ADMIN";

/// Before VFs are made, which come as the mode says.
pub(super) fn plan_mode(input: &Input, desired: &DesiredPf, plan: &mut Plan) -> Next {
    let pf = input.pf;
    let before = || input.owned.and_then(|owned| owned.eswitch_before);
    let Some(wanted) = desired.eswitch_mode.or_else(before) else {
        return Next::Continue;
    };
    let lacks = |mode| {
        let owned = input.owned.map(|owned| &owned.unsupported);
        owned.is_some_and(|it| it.contains(&Capability::EswitchMode(mode)))
    };
    let is = match pf.eswitch_mode {
        Some(is) if is == wanted => return Next::Continue,
        Some(is) if !lacks(wanted) => is,
        None if pf.eswitch_hidden => {
            plan.problem(ProblemKind::Failed, HIDDEN);
            return Next::Continue;
        }
        // What has no modes is as others are in legacy mode.
        None if wanted == EswitchMode::Legacy => return Next::Continue,
        // Some drivers make their devlink instance last.
        None if !pf.initialized => {
            let reason = "its driver has not told the eSwitch mode yet";
            plan.problem(ProblemKind::Awaits, reason);
            return Next::Wait;
        }
        _ => {
            let driver = driver(pf);
            let reason = format!("eswitch_mode {wanted} is not supported by driver {driver}");
            plan.problem(ProblemKind::Unsupported, reason);
            return Next::Continue;
        }
    };
    let step = Step::Pf(PfStep::SetEswitchMode {
        from: is,
        to: wanted,
    });
    if input.blocked.stands(&step, pf) {
        // VFs of the wrong mode would be in the way of the next try.
        let waits = pf.num_vfs == 0 && input.blocked.may_pass(&step, pf);
        plan.steps.push(step);
        return if waits { Next::Wait } else { Next::Continue };
    }
    if pf.count_is_changing || !uplink_is_free(input, desired.disruption, plan) {
        return Next::Continue;
    }
    let change = format!("changing the eSwitch mode {is} -> {wanted}");
    match vfless::make_room(input, desired, &change, plan) {
        Room::Free => {
            plan.steps.push(step);
            Next::Wait
        }
        Room::Coming => Next::Wait,
        Room::Refused => Next::Continue,
    }
}

/// After everything else: no VF that sriovd made is left by then.
pub(super) fn undo(input: &Input, owned: &OwnedPf, plan: &mut Plan) {
    let pf = input.pf;
    let Some(before) = owned.eswitch_before else {
        return;
    };
    let Some(is) = pf.eswitch_mode else {
        if pf.eswitch_hidden {
            plan.problem(ProblemKind::Failed, HIDDEN);
        }
        return;
    };
    if is == before || pf.count_is_changing {
        return;
    }
    if pf.num_vfs != 0 {
        vfless::await_others(plan, &format!("changing the eSwitch mode {is} -> {before}"));
    } else if uplink_is_free(input, Disruption::WhenUnused, plan) {
        plan.steps.push(Step::Pf(PfStep::SetEswitchMode {
            from: is,
            to: before,
        }));
    }
}

fn driver(pf: &PfSnapshot) -> &str {
    pf.driver.as_ref().map_or("none", |driver| driver.as_str())
}

/// A bridge loses the uplink's traffic, and drivers answer EBUSY while rules of tc stand on it and do not say which.
fn uplink_is_free(input: &Input, disruption: Disruption, plan: &mut Plan) -> bool {
    let in_the_way = |user: &Holder| {
        matches!(
            user,
            Holder::Enslaved { .. } | Holder::TrafficControl { .. }
        )
    };
    let pf = input.pf.display_name();
    let hint =
        format!("take {pf} out of it; `sriovctl apply --force {pf}` changes the mode all the same");
    let change = "changing the eSwitch mode cuts its traffic";
    bridge::uplink_is_free(input, disruption, in_the_way, (change, hint), plan)
}
