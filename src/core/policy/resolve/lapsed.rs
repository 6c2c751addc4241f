//! A policy that holds a PF which it does not name any more.

use super::matching::{self, Match};
use crate::model::{Node, PfSnapshot, PolicyName};
use crate::policy::Policy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A policy in force because it named the PF as it was, and why it does not name it as it is.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Lapsed {
    /// The policy.
    pub policy: PolicyName,
    /// `pf_name is eth5 and not ens1f0`
    pub reason: String,
    /// The interface or its name may be still to come.
    pub awaits: bool,
}

impl Lapsed {
    pub(super) fn new(policy: &Policy, node: &Node, pf: &PfSnapshot, found: &Match) -> Self {
        let keys = matching::explain(policy, node, pf);
        let lost = keys.into_iter().filter(|key| !key.matched);
        let lost = lost.map(|key| format!("{} is {} and not {}", key.key, key.found, key.wanted));
        Self {
            policy: policy.name.clone(),
            reason: lost.collect::<Vec<_>>().join(", "),
            awaits: *found == Match::AwaitsName,
        }
    }
}
