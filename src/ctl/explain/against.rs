//! A policy against a PF.

use crate::colour;
use crate::place::Place;
use crate::scene::Scene;
use schemars::JsonSchema;
use serde::Serialize;
use sriovd_core::model::{PciAddress, PfSnapshot, PolicyName};
use sriovd_core::policy::Policy;
use sriovd_core::policy::resolve::{KeyMatch, Resolution, explain};

/// What a policy is to a PF.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub(super) enum Effect {
    InForce {
        /// `None` is the whole PF.
        vfs: Option<String>,
    },
    /// It matched the PF as it was, which keeps what it has.
    Kept,
    /// It matches, and a stronger one claims VFs that it claims, too.
    Shadowed {
        by: PolicyName,
    },
    /// It may match when the interface is there and has its name.
    Awaits,
    NoMatch,
}

/// A policy against a PF, key by key.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Against {
    pub(super) policy: PolicyName,
    pub(super) priority: u8,
    #[serde(flatten)]
    pub(super) place: Place,
    pub(super) pf: PciAddress,
    pub(super) pf_interface: Option<String>,
    #[serde(flatten)]
    pub(super) effect: Effect,
    pub(super) keys: Vec<KeyMatch>,
}

impl Against {
    pub(super) fn new(scene: &Scene, policy: &Policy, pf: &PfSnapshot) -> Self {
        let keys = explain(policy, &scene.host.node, pf);
        Self {
            policy: policy.name.clone(),
            priority: policy.priority,
            place: (&policy.origin).into(),
            pf: pf.address,
            pf_interface: pf.interface.as_ref().map(|it| it.name.to_string()),
            effect: effect(scene, policy, pf, &keys),
            keys,
        }
    }

    pub(super) fn pf_name(&self) -> String {
        let address = || self.pf.to_string();
        self.pf_interface.clone().unwrap_or_else(address)
    }

    pub(super) fn verdict(&self) -> String {
        match &self.effect {
            Effect::InForce { vfs: None } => "in force".to_owned(),
            Effect::InForce { vfs: Some(vfs) } => format!("in force for VFs {vfs}"),
            Effect::Kept => "does not match any more, but did: the PF keeps what it has".to_owned(),
            Effect::Shadowed { by } => {
                format!("matches, and has no effect: {by} is stronger and claims the same VFs")
            }
            Effect::Awaits => "waits for the interface's name".to_owned(),
            Effect::NoMatch => "does not match".to_owned(),
        }
    }

    pub(super) fn key_lines(&self, indent: &str) -> String {
        let widest = self.keys.iter().map(|key| key.key.len()).max();
        let widest = widest.unwrap_or_default();
        let lines = self.keys.iter().map(|key| {
            let (mark, style) = match key.matched {
                true => ("yes", colour::GOOD),
                false => ("no ", colour::BAD),
            };
            let mark = colour::paint(style, mark);
            let KeyMatch {
                key, wanted, found, ..
            } = key;
            format!("{indent}{mark}  {key:<widest$}  wants {wanted}, is {found}\n")
        });
        lines.collect()
    }
}

fn effect(scene: &Scene, policy: &Policy, pf: &PfSnapshot, keys: &[KeyMatch]) -> Effect {
    let matches = keys.iter().all(|key| key.matched);
    let desired = match scene.resolutions.get(&pf.address) {
        Some(Resolution::Desired(desired)) => desired,
        Some(Resolution::AwaitsName) if only_name_is_missing(keys) => return Effect::Awaits,
        Some(Resolution::AwaitsName | Resolution::Unmatched) | None => return Effect::NoMatch,
    };
    let claim = desired.policies.iter().find(|it| it.policy == policy.name);
    if desired.lapsed.iter().any(|it| it.policy == policy.name) {
        return Effect::Kept;
    }
    if let Some(claim) = claim {
        let vfs = claim.vfs.as_ref().map(ToString::to_string);
        return Effect::InForce { vfs };
    }
    let shadowed = desired.shadowed.iter().find(|it| it.policy == policy.name);
    match shadowed {
        Some(shadowed) => Effect::Shadowed {
            by: shadowed.by.clone(),
        },
        None if matches => Effect::Awaits,
        None => Effect::NoMatch,
    }
}

fn only_name_is_missing(keys: &[KeyMatch]) -> bool {
    let of_interface = ["pf_name", "mac", "link_type"];
    keys.iter()
        .all(|key| key.matched || of_interface.contains(&key.key))
}
