//! The `SriovNetworkNodeState` that a node writes of itself: what its agent says, as an object of the cluster. Nothing is
//! asked here.

use crate::crd::OPERATOR;
use serde::Deserialize;
use serde_json::{Value, json};
use sriovd_core::model::world::World;
use sriovd_core::model::{PfSnapshot, Timestamp};
use sriovd_core::policy::resolve::{DesiredPf, Resolution};
use sriovd_core::render::node_state;
use sriovd_core::report::{self, PfReport};
use std::collections::BTreeMap;

/// A PF as `GET /v1/pfs` of the agent tells of it.
#[derive(Debug, Clone, Deserialize)]
pub struct KnownPf {
    #[serde(flatten)]
    report: PfReport,
    seen: Option<PfSnapshot>,
    desired: Option<DesiredPf>,
}

/// The node as the agent would write it to a file of its own.
pub fn as_agent_says(pfs: Vec<KnownPf>) -> serde_json::Result<Value> {
    let known = pfs.into_iter().map(|pf| {
        let resolution = match pf.desired {
            Some(desired) => Resolution::Desired(Box::new(desired)),
            None => Resolution::Unmatched,
        };
        let problems = pf.report.problems;
        match pf.seen {
            Some(seen) => report::KnownPf::seen(seen, resolution, problems),
            None => report::KnownPf {
                address: pf.report.address,
                seen: None,
                allocated: BTreeMap::new(),
                problems,
            },
        }
    });
    serde_json::from_str(&node_state::node_state(&World::of("", known)))
}

/// What it is made of.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The name of the Node, and of the object.
    pub node: &'a str,
    /// The namespace that the object is in.
    pub namespace: &'a str,
    /// As the agent says.
    pub agent: &'a Value,
    /// The agent has not looked at every PF yet.
    pub starting: bool,
    /// What has no effect of what the cluster wants, a sentence each.
    pub without_effect: &'a [String],
    /// Now.
    pub now: Timestamp,
}

/// What differs from what is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Differs {
    /// The object is not there, or its `spec` or labels are others.
    pub spec: bool,
    /// Its `status` is another.
    pub status: bool,
}

impl Differs {
    /// Something does.
    pub fn any(self) -> bool {
        self.spec || self.status
    }
}

/// The object as it should be. `before` is as it is, or null: a condition keeps the time since when it holds.
pub fn node_state(facts: &Facts<'_>, before: &Value) -> Value {
    let agent = facts.agent;
    let mut sentences: Vec<&str> = facts.without_effect.iter().map(String::as_str).collect();
    let told = agent["status"]["lastSyncError"].as_str();
    sentences.extend(told.filter(|told| !told.is_empty()));
    let error = sentences.join("; ");
    let sync = match agent["status"]["syncStatus"].as_str() {
        _ if facts.starting => Sync::InProgress,
        Some("Succeeded") if facts.without_effect.is_empty() => Sync::Succeeded,
        Some("InProgress") => Sync::InProgress,
        _ => Sync::Failed,
    };
    json!({
        "apiVersion": format!("{}/{}", OPERATOR.group, OPERATOR.version),
        "kind": "SriovNetworkNodeState",
        "metadata": {
            "name": facts.node, "namespace": facts.namespace, "labels": agent["metadata"]["labels"],
        },
        "spec": { "interfaces": agent["spec"]["interfaces"] },
        "status": {
            "interfaces": agent["status"]["interfaces"],
            "syncStatus": sync.word(),
            "lastSyncError": error,
            "conditions": conditions(sync, &error, before, facts.now),
        },
    })
}

/// Compares what we write alone: what else is in the object is another's.
pub fn differs(wanted: &Value, there: &Value) -> Differs {
    let is_within = |part: &str| contains(&there[part], &wanted[part]);
    let (labels, there_labels) = (&wanted["metadata"]["labels"], &there["metadata"]["labels"]);
    Differs {
        spec: !is_within("spec") || !contains(there_labels, labels),
        status: !is_within("status"),
    }
}

/// Lists are one value each, but for conditions, of which others have some of their own.
fn contains(whole: &Value, part: &Value) -> bool {
    let Some(part) = part.as_object() else {
        return whole == part;
    };
    part.iter().all(|(key, value)| match key.as_str() {
        "conditions" => {
            let all = whole[key].as_array();
            let mut ours = value.as_array().into_iter().flatten();
            ours.all(|it| all.is_some_and(|all| all.contains(it)))
        }
        key => whole[key] == *value,
    })
}

/// As the operator's tools know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sync {
    Succeeded,
    InProgress,
    Failed,
}

impl Sync {
    fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "Succeeded",
            Self::InProgress => "InProgress",
            Self::Failed => "Failed",
        }
    }
}

/// By the names that are planned for the operator.
fn conditions(sync: Sync, error: &str, before: &Value, now: Timestamp) -> Value {
    let unless_told = |usual: &'static str| if error.is_empty() { usual } else { error };
    let done = "every PF is as the policies want it";
    let (reason, message) = match sync {
        Sync::Succeeded => ("NodeConfigurationReady", done),
        Sync::InProgress => ("ConfiguringNode", unless_told("PFs are being configured")),
        Sync::Failed => ("ConfigurationFailed", unless_told("a PF is not as wanted")),
    };
    let all = [
        ("Ready", Sync::Succeeded),
        ("Progressing", Sync::InProgress),
        ("Degraded", Sync::Failed),
    ];
    let known = before["status"]["conditions"].as_array();
    let condition = |(kind, of): (&str, Sync)| {
        let is_so = sync == of;
        let status = if is_so { "True" } else { "False" };
        let mut known = known.into_iter().flatten();
        let since = known.find(|it| it["type"] == kind && it["status"] == status);
        let since = since.and_then(|it| it["lastTransitionTime"].as_str());
        let (reason, message) = match is_so || kind == "Ready" {
            true => (reason, message),
            false => ("NotNeeded", ""),
        };
        json!({
            "type": kind, "status": status, "reason": reason, "message": message,
            "lastTransitionTime": since.map_or_else(|| now.to_string(), str::to_owned),
        })
    };
    all.map(condition).into_iter().collect()
}

#[cfg(test)]
mod tests;
