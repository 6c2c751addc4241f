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
mod bridge;
mod count;
mod eswitch;
mod in_use;
mod input;
mod kept;
mod netdev;
mod netdevs;
mod offload;
pub mod owned;
mod params;
pub mod presumed;
mod rdma;
mod removal;
mod representor;
mod stage;
mod value;
mod vf;
mod vfless;

use crate::policy::resolve::Resolution;
pub use blocked::Blocked;
pub use input::{Input, Others};
pub use owned::{Capability, OwnedPf};
pub use value::{Plan, Taken};

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
    if plan.needs_more() {
        plan.steps.clear();
        plan.taken.clear();
    }
    hold_back(&mut plan, input);
    count::let_default_driver_probe(input, &mut plan);
    if let Some(pause) = input.paused {
        plan.pause(pause, input.resolution);
    }
    plan.problems.sort();
    // What holds for the whole PF comes up with each of its VFs.
    plan.problems.dedup();
    plan
}

/// Take steps that failed under the same circumstances out of the plan, and say why; and those that
/// are held.
fn hold_back(plan: &mut Plan, input: &Input) {
    let Plan {
        steps, problems, ..
    } = plan;
    steps.retain(|step| {
        let problem = input.blocked.problem(step, input.pf);
        let go_on = problem.is_none() && !input.blocked.is_held(step);
        problems.extend(problem);
        go_on
    });
}

#[cfg(test)]
mod tests;
