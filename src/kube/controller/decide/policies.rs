//! What became of policies: how many nodes each selects, how many of them are as it wants them, and the first reason why not.

use super::cluster::Cluster;
use super::condition::{self, Ready};
use super::nad::{in_spec, nowhere};
use super::object::{Name, Object, Watched};
use super::{Decision, Memory};
use serde::Deserialize as _;
use serde_json::json;
use sriovd_core::model::Timestamp;
use sriovd_core::policy::NodeMatch;
use sriovd_core::policy::check::{self, Read};
use sriovd_core::policy::draft::PolicyDraft;
use sriovd_core::policy::reader::Given;
use std::collections::BTreeMap;

pub(super) fn decide(
    cluster: &Cluster,
    memory: &mut Memory,
    now: Timestamp,
    decision: &mut Decision,
) {
    let Some([nodes, states]) = cluster.known([Watched::Node, Watched::NodeState]) else {
        return;
    };
    let states: BTreeMap<&str, &Object> = states
        .iter()
        .map(|(name, state)| (name.name.as_str(), state))
        .collect();
    for kind in [Watched::NodePolicy, Watched::Policy] {
        for (name, policy) in cluster.of(kind).known().into_iter().flatten() {
            if policy.is_going() || is_ignored(kind, name) {
                continue;
            }
            let tally = match selection(kind, policy) {
                Ok(wanted) => Tally::of(&name.name, &wanted, nodes, &states),
                Err(ready) => Tally::without_nodes(ready),
            };
            let counts = [
                ("matchedNodeCount", tally.matched),
                ("readyNodeCount", tally.done),
            ];
            let ready = tally.ready;
            condition::tell(kind, policy, &ready, &counts, memory, now, decision);
        }
    }
}

/// As the operator ignores it itself.
fn is_ignored(kind: Watched, name: &Name) -> bool {
    kind == Watched::NodePolicy && name.name == "default"
}

/// Which nodes a policy is for; or why it has no effect on any.
fn selection(kind: Watched, policy: &Object) -> Result<NodeMatch, Ready> {
    if kind == Watched::NodePolicy {
        let labels = policy.spec["nodeSelector"]
            .as_object()
            .into_iter()
            .flatten();
        let labels =
            labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
        return Ok(NodeMatch {
            hostname: Vec::new(),
            labels: labels.collect(),
        });
    }
    let mut spec = policy.spec.clone();
    if spec.is_object() {
        spec["name"] = json!(policy.name().name);
    }
    let given = Given::deserialize(&spec).unwrap_or(Given::Null);
    let read = Read::<PolicyDraft>::of(&given);
    match check::policy(read, nowhere()) {
        Ok((policy, _)) if policy.enabled => Ok(policy.node),
        Ok(_) => Err(Ready::soon(
            "Disabled",
            "spec.enabled is false: it has no effect",
        )),
        Err(faults) => Err(Ready::no("Invalid", in_spec(&faults))),
    }
}

/// What a node says of a policy.
enum Standing {
    Done,
    /// It has no PF that the policy selects.
    NotConcerned,
    Progressing(String),
    Failed(String),
    /// Nothing says what is so there.
    Unknown,
}

fn standing(policy: &str, state: Option<&Object>) -> Standing {
    let Some(state) = state else {
        return Standing::Unknown;
    };
    let mut policies = state.spec.as_array().into_iter().flatten();
    let is_concerned = policies.any(|it| it == policy);
    let error = state.status["lastSyncError"].as_str().unwrap_or_default();
    let or = |other: &str| match error {
        "" => other.to_owned(),
        error => error.to_owned(),
    };
    match (state.status["syncStatus"].as_str(), is_concerned) {
        (Some("Succeeded"), true) => Standing::Done,
        (Some("Succeeded" | "Failed"), false) => Standing::NotConcerned,
        (Some("Failed"), true) => Standing::Failed(or("its state says no more")),
        (Some(_), _) => Standing::Progressing(or("it is being changed")),
        (None, _) => Standing::Unknown,
    }
}

struct Tally {
    matched: usize,
    done: usize,
    ready: Ready,
}

impl Tally {
    fn without_nodes(ready: Ready) -> Self {
        Self {
            matched: 0,
            done: 0,
            ready,
        }
    }

    fn of(
        policy: &str,
        wanted: &NodeMatch,
        nodes: &BTreeMap<Name, Object>,
        states: &BTreeMap<&str, &Object>,
    ) -> Self {
        let (mut matched, mut done, mut concerned) = (0, 0, 0);
        let (mut failed, mut progressing, mut unknown) = (None, None, None);
        let selected = nodes
            .iter()
            .filter(|(name, node)| wanted.selects(&name.name, &node.metadata.labels));
        for (Name { name, .. }, _) in selected {
            matched += 1;
            match standing(policy, states.get(name.as_str()).copied()) {
                Standing::Done => (done, concerned) = (done + 1, concerned + 1),
                Standing::NotConcerned => done += 1,
                Standing::Failed(why) => drop(failed.get_or_insert((name, why))),
                Standing::Progressing(why) => drop(progressing.get_or_insert((name, why))),
                Standing::Unknown => drop(unknown.get_or_insert(name)),
            }
        }
        let of_all = match matched {
            1 => format!("{done} of 1 node is as it wants it"),
            _ => format!("{done} of {matched} nodes are as it wants them"),
        };
        let ready = if matched == 0 {
            Ready::soon("NoMatchingNodes", "it selects no node of the cluster")
        } else if let Some((node, why)) = failed {
            Ready::no("SomeNodesFailed", format!("{of_all}; {node}: {why}"))
        } else if let Some(node) = unknown {
            let why = "there is no SriovNetworkNodeState: does sriovd-kube run there?";
            Ready::soon("SomeNodesUnknown", format!("{of_all}; {node}: {why}"))
        } else if let Some((node, why)) = progressing {
            Ready::soon("SomeNodesProgressing", format!("{of_all}; {node}: {why}"))
        } else if concerned == 0 {
            let nodes = if matched == 1 { "node" } else { "nodes" };
            let message = format!("it selects no PF on the {matched} {nodes} that it is for");
            Ready::soon("NoMatchingInterfaces", message)
        } else if concerned < matched {
            let without = matched - concerned;
            Ready::yes(
                "AllNodesConfigured",
                format!("{of_all}; {without} of them without a PF that it selects"),
            )
        } else {
            Ready::yes("AllNodesConfigured", of_all)
        };
        Self {
            matched,
            done,
            ready,
        }
    }
}
