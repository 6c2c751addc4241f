//! Which PF gets what: policies that match, strongest first, and what they add up to.

mod combine;
mod desired;
mod hold;
mod lapsed;
mod matching;
mod readiness;

use super::stable_mac::StableMacs;
use super::{Policy, PolicySet};
use crate::model::{Node, PfSnapshot};
use combine::Claimant;
pub use desired::{Claim, DesiredPf, DesiredVf, Resolution, Shadowed};
pub use hold::{HeldInterface, Hold};
pub use lapsed::Lapsed;
pub use matching::{KeyMatch, Match, explain, holds_on};
pub use readiness::Lack;
use std::cmp::Reverse;

/// The rule: lower priority number first, then later in reading order; a claim that overlaps one
/// already taken is shadowed as a whole, disjoint claims combine.
pub fn resolve(policies: &PolicySet, node: &Node, pf: &PfSnapshot) -> Resolution {
    resolve_held(policies, node, pf, None)
}

/// With what holds the PF: a policy that named it when it took it counts as if it still did.
pub fn resolve_held(
    policies: &PolicySet,
    node: &Node,
    pf: &PfSnapshot,
    hold: Option<&Hold>,
) -> Resolution {
    resolve_with(policies, node, pf, hold, &StableMacs::of(pf))
}

/// The same with addresses of the PF's VFs that may be known from before.
pub fn resolve_with(
    policies: &PolicySet,
    node: &Node,
    pf: &PfSnapshot,
    hold: Option<&Hold>,
    stable: &StableMacs,
) -> Resolution {
    let mut order: Vec<(usize, &Policy)> = policies.policies.iter().enumerate().collect();
    order.sort_by_key(|(position, policy)| (policy.priority, Reverse(*position)));

    let mut survivors: Vec<Claimant> = Vec::new();
    let (mut shadowed, mut lapsed) = (Vec::new(), Vec::new());
    let mut awaits_name = false;
    for (_, policy) in order {
        let found = matching::match_pf(policy, node, pf);
        let held = || hold.and_then(|hold| hold.share(policy, node, pf));
        let (share, lapse) = match found {
            Match::Yes(share) => (share, None),
            Match::No | Match::AwaitsName => match held() {
                Some(share) => (share, Some(Lapsed::new(policy, node, pf, &found))),
                None => {
                    awaits_name |=
                        found == Match::AwaitsName && !certainly_shadowed(policy, &survivors);
                    continue;
                }
            },
        };
        match survivors
            .iter()
            .find(|taken| taken.overlaps(share.as_ref()))
        {
            Some(taken) => shadowed.push(Shadowed {
                policy: policy.name.clone(),
                by: taken.policy.name.clone(),
            }),
            None => {
                survivors.push(Claimant { policy, share });
                lapsed.extend(lapse);
            }
        }
    }
    let holds = |taken: &Claimant| hold.is_some_and(|it| it.policies.contains(&taken.policy.name));
    if awaits_name && !survivors.iter().any(holds) {
        return Resolution::AwaitsName;
    }
    if survivors.is_empty() {
        return Resolution::Unmatched;
    }
    let mut desired = combine::combine(&survivors, shadowed, pf, stable);
    (desired.lapsed, desired.awaits_name) = (lapsed, awaits_name);
    Resolution::Desired(Box::new(desired))
}

/// Whatever the interface turns out to be, the policy would have no effect.
fn certainly_shadowed(policy: &Policy, survivors: &[Claimant]) -> bool {
    matching::possible_shares(policy)
        .all(|share| survivors.iter().any(|taken| taken.overlaps(share)))
}

#[cfg(test)]
mod tests;
