//! Parameters of the PF's driver, which devlink tells and sets.
//!
//! What takes effect at once is set at once. What takes effect when the driver starts the device anew is set right before
//! that, while there are no VFs and nobody uses the PF's interface, which goes then and comes again.

use super::owned::OwnedPf;
use super::value::Next;
use super::vfless::{self, Room};
use super::{Input, Plan, bridge, count};
use crate::model::{DevlinkParams, ParamKind, ParamMode, ParamValue, PfSnapshot, PfStep, Step};
use crate::policy::Disruption;
use crate::policy::resolve::DesiredPf;
use crate::report::{Problem, ProblemKind};
use std::collections::BTreeMap;

const CHANGE: &str = "starting the device anew for a devlink parameter";

/// Before the mode of the switch, which some of them decide about.
pub(super) fn plan_params(input: &Input, desired: &DesiredPf, plan: &mut Plan) -> Next {
    let mut wanted = input
        .owned
        .map_or_else(BTreeMap::new, |owned| owned.params_before.clone());
    wanted.extend(desired.devlink.clone());
    let Some(anew) = due(input, &wanted, Some(desired), plan) else {
        return up_again(input, plan);
    };
    if input.pf.count_is_changing || !interface_is_free(input, desired.disruption, plan) {
        return Next::Continue;
    }
    match vfless::make_room(input, desired, CHANGE, plan) {
        Room::Free => {
            plan.steps.extend(anew);
            Next::Wait
        }
        Room::Coming => Next::Wait,
        Room::Refused => Next::Continue,
    }
}

/// When no VF that sriovd made is left.
pub(super) fn undo(input: &Input, owned: &OwnedPf, plan: &mut Plan) {
    let Some(anew) = due(input, &owned.params_before, None, plan) else {
        up_again(input, plan);
        return;
    };
    if input.pf.count_is_changing {
        return;
    }
    if input.pf.num_vfs != 0 {
        vfless::await_others(plan, CHANGE);
    } else if interface_is_free(input, Disruption::WhenUnused, plan) {
        plan.steps.extend(anew);
    }
}

/// Others had set the interface up that was there before, and know nothing of this one.
fn up_again(input: &Input, plan: &mut Plan) -> Next {
    let is_due = input.owned.is_some_and(|owned| owned.up_before);
    match is_due && !count::bring_up(input, plan) {
        true => Next::Wait,
        false => Next::Continue,
    }
}

/// Plans what can be set at once, and returns what needs that the driver starts anew; `None` for nothing.
fn due(
    input: &Input,
    wanted: &BTreeMap<String, ParamValue>,
    desired: Option<&DesiredPf>,
    plan: &mut Plan,
) -> Option<Vec<Step>> {
    let is_due = input.owned.is_some_and(|owned| owned.reload_due);
    if wanted.is_empty() && !is_due {
        return None;
    }
    let Some(params) = &input.pf.params else {
        // They are told with a closer look only.
        plan.needs_holders = true;
        return None;
    };
    let mut anew = Vec::new();
    for (name, value) in wanted {
        match settable(name, value, params, input.pf) {
            Ok(None) => {}
            Ok(Some((kind, mode))) => {
                let step = Step::Pf(PfStep::SetDevlinkParam {
                    name: name.clone(),
                    kind,
                    mode,
                    to: value.clone(),
                });
                let is_at_once = mode == ParamMode::Runtime;
                match is_at_once || input.blocked.stands(&step, input.pf) {
                    true => plan.steps.push(step),
                    false => anew.push(step),
                }
            }
            // What was there before us, and is not any more, nobody asks for.
            Err(problem) => {
                let is_asked = desired.is_some_and(|desired| desired.devlink.contains_key(name));
                plan.problems.extend(is_asked.then_some(problem));
            }
        }
    }
    if anew.is_empty() && !is_due {
        return None;
    }
    let reload = Step::Pf(PfStep::ReloadDevlink);
    if input.blocked.stands(&reload, input.pf) {
        plan.steps.push(reload);
        return None;
    }
    anew.push(reload);
    Some(anew)
}

/// How to set it; `Ok(None)` where it is as wanted.
fn settable(
    name: &str,
    value: &ParamValue,
    params: &DevlinkParams,
    pf: &PfSnapshot,
) -> Result<Option<(ParamKind, ParamMode)>, Problem> {
    let driver = pf.driver.as_ref().map_or("none", |driver| driver.as_str());
    let problem = |reason: String, hint: Option<String>| Problem {
        kind: ProblemKind::Unsupported,
        vf: None,
        step: None,
        reason,
        hint,
    };
    let Some(param) = params.get(name) else {
        let known: Vec<_> = params.keys().map(String::as_str).collect();
        let hint = (!known.is_empty()).then(|| format!("it has {}", known.join(", ")));
        let reason = format!("driver {driver} has no devlink parameter {name}");
        return Err(problem(reason, hint));
    };
    if !param.kind.takes(value) {
        let kind = param.kind;
        let reason =
            format!("devlink parameter {name} of driver {driver} takes {kind}, and not {value}");
        return Err(problem(reason, None));
    }
    match param.soonest() {
        Some((_, is)) if is == value => Ok(None),
        Some((mode @ (ParamMode::Runtime | ParamMode::Driverinit), _)) => {
            Ok(Some((param.kind, mode)))
        }
        Some((ParamMode::Permanent, _)) | None => {
            let address = pf.address;
            let reason = format!(
                "devlink parameter {name} is kept in the firmware, which sriovd does not change"
            );
            let hint = format!(
                "`devlink dev param set pci/{address} name {name} value {value} cmode permanent`, then restart the NIC"
            );
            Err(problem(reason, Some(hint)))
        }
    }
}

/// With the interface go its addresses and its place in a bridge; Open vSwitch takes its ports up again.
fn interface_is_free(input: &Input, disruption: Disruption, plan: &mut Plan) -> bool {
    let pf = input.pf.display_name();
    let hint =
        format!("take that away from {pf}; `sriovctl apply --force {pf}` does it all the same");
    let change = format!("{CHANGE} removes its interface");
    bridge::uplink_is_free(input, disruption, |_| true, (&change, hint), plan)
}
