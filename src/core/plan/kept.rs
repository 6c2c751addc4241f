//! A PF that is left as it is, because its policies do not name it as it is now.

use super::{Input, Plan};
use crate::policy::resolve::DesiredPf;
use crate::report::{Problem, ProblemKind};

pub(super) fn tell_of_the_name(input: &Input, plan: &mut Plan) {
    let reason = match input.pf.interface {
        None if input.pf.interface_elsewhere => {
            "a policy asks for the PF's network interface, which is in another network namespace"
        }
        None => "a policy asks for the PF's network interface, which is not in sight",
        Some(_) => "a policy asks for the interface's name, which udev has not settled yet",
    };
    plan.problem(ProblemKind::Awaits, reason);
}

pub(super) fn tell(input: &Input, desired: &DesiredPf, plan: &mut Plan) {
    let (awaits, lapsed): (Vec<_>, Vec<_>) = desired.lapsed.iter().partition(|it| it.awaits);
    if desired.awaits_name || !awaits.is_empty() {
        tell_of_the_name(input, plan);
    }
    for lapsed in lapsed {
        let (policy, reason) = (&lapsed.policy, &lapsed.reason);
        plan.problems.push(Problem {
            kind: ProblemKind::NoLongerMatches,
            vf: None,
            step: None,
            reason: format!(
                "policy {policy} does not name the PF as it is now ({reason}): it keeps what it has"
            ),
            hint: Some(
                "change the policy so that it names the PF, or so that it would not have named it \
                 before either: then the PF is set up, or reset"
                    .to_owned(),
            ),
        });
    }
}
