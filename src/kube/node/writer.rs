//! Writes the node's state to the cluster: where it differs, once a second at most, and what is another's only where that
//! is wanted.

use super::agent::{self, Present};
use super::cluster::{Mirror, STATE, Told};
use super::retry::Retry;
use super::watches::{Scope, api};
use crate::api::{now, words};
use crate::crd::NODE_STATE;
use crate::state::{Differs, Facts, differs, node_state};
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::{Client, ResourceExt as _};
use serde_json::{Value, json};
use sriovd_wire::client::Conversation;
use std::time::Duration;
use tokio::sync::watch::Sender;
use tokio::time::{Instant, timeout};

const PAUSE: Duration = Duration::from_secs(1);
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// In whose name the fields are.
const MANAGER: &str = "sriovd-kube";

/// What a server says that knows no conditions of node states.
const NO_CONDITIONS: &str = ".status.conditions: field not declared in schema";

/// Where it is written to.
pub(super) struct Target {
    pub(super) client: Client,
    pub(super) scope: Scope,
    pub(super) take_over: bool,
    pub(super) cluster: Sender<Mirror>,
}

#[derive(Default)]
pub(super) struct Writer {
    /// There was nothing to do, and is nothing while these are the same.
    settled: Option<Inputs>,
    /// As it was wanted when the server was asked, and what it has made of it: it may not know all fields, or another program
    /// has some of them.
    asked: Option<(Value, Value)>,
    /// The definition that the server has is the operator's own.
    without_conditions: bool,
    looked: Option<Instant>,
    retry: Retry,
}

#[derive(Clone, PartialEq)]
struct Inputs {
    present: Present,
    there: Value,
    without_effect: Vec<String>,
}

impl Writer {
    /// Says when there is something to do.
    pub(super) async fn write(
        &mut self,
        target: &Target,
        agent: &Conversation,
        inputs: (Present, &Mirror, &[String]),
    ) -> Option<Instant> {
        let (present, cluster, without_effect) = inputs;
        let inputs = Inputs {
            present,
            there: cluster.state()?.clone(),
            without_effect: without_effect.to_vec(),
        };
        if self.settled.as_ref() == Some(&inputs) {
            return None;
        }
        let again = self.looked.map(|at| at + PAUSE);
        let due = again
            .filter(|at| *at > Instant::now())
            .max(self.retry.due());
        if due.is_some() {
            return due;
        }
        self.looked = Some(Instant::now());
        match timeout(ANSWER_WITHIN, self.try_to(target, agent, inputs)).await {
            Ok(Ok(())) => {
                self.retry.has_succeeded();
                if self.settled.is_none() {
                    return self.looked.map(|at| at + PAUSE);
                }
            }
            Ok(Err(why)) => self.retry.has_failed(why),
            Err(_) => self
                .retry
                .has_failed("the node's state: no answer in time".to_owned()),
        }
        self.retry.due()
    }

    async fn try_to(
        &mut self,
        target: &Target,
        agent: &Conversation,
        mut inputs: Inputs,
    ) -> Result<(), String> {
        self.settled = None;
        let told = agent::node_state(agent).await;
        let told = told.map_err(|error| format!("sriovd does not tell of the node: {error:#}"))?;
        let there = inputs.there.clone();
        let facts = Facts {
            node: &target.scope.node,
            namespace: &target.scope.namespace,
            agent: &told,
            starting: inputs.present.starting,
            without_effect: &inputs.without_effect,
            now: now(),
        };
        // Where the server keeps no conditions, we know since when they hold.
        let kept = there["status"]["conditions"].is_array();
        let asked = self.asked.as_ref().map(|(wanted, _)| wanted);
        let before = if kept {
            &there
        } else {
            asked.unwrap_or(&there)
        };
        let mut wanted = node_state(&facts, before);
        if self.without_conditions
            && let Some(status) = wanted["status"].as_object_mut()
        {
            status.remove("conditions");
        }
        let differs = differs(&wanted, &there);
        let is_asked = self.asked.as_ref();
        let is_asked = is_asked.is_some_and(|(of, made)| *of == wanted && *made == ours(&there));
        if !differs.any() || is_asked {
            self.settled = Some(inputs);
            return Ok(());
        }
        match apply(target, &wanted, differs).await {
            Ok(object) => {
                self.asked = Some((wanted, ours(&object)));
                inputs.there = object.clone();
                // Before the watch tells.
                target
                    .cluster
                    .send_modify(|cluster| cluster.take(STATE, Told::Is(object)));
            }
            Err(kube::Error::Api(status)) if status.is_conflict() && !target.take_over => {
                eprintln!(
                    "the state of this node is another program's, and stays as that wrote it: {}",
                    status.message
                );
                self.asked = Some((wanted, ours(&there)));
            }
            Err(kube::Error::Api(status)) if status.message.contains(NO_CONDITIONS) => {
                self.without_conditions = true;
                return Ok(());
            }
            Err(error) => return Err(format!("cannot write the node's state: {}", words(&error))),
        }
        self.settled = Some(inputs);
        Ok(())
    }
}

/// What may be ours of it.
fn ours(object: &Value) -> Value {
    json!([
        object["metadata"]["labels"],
        object["spec"],
        object["status"]
    ])
}

async fn apply(target: &Target, wanted: &Value, differs: Differs) -> kube::Result<Value> {
    let Scope {
        node, namespace, ..
    } = &target.scope;
    let mut parameters = PatchParams::apply(MANAGER);
    parameters.force = target.take_over;
    let states = api(&target.client, &NODE_STATE, namespace);
    let without = |key: &str| {
        let mut part = wanted.clone();
        if let Some(fields) = part.as_object_mut() {
            fields.remove(key);
        }
        Patch::Apply(part)
    };
    let mut object = Value::Null;
    if differs.spec {
        object = value(states.patch(node, &parameters, &without("status")).await?);
    }
    // The server takes no status with the rest: of an object that is new it is still to be written.
    if differs.status {
        object = value(
            states
                .patch_status(node, &parameters, &without("spec"))
                .await?,
        );
    }
    Ok(object)
}

/// As the watch tells of it.
fn value(mut object: DynamicObject) -> Value {
    object.managed_fields_mut().clear();
    json!(object)
}
