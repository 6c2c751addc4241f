//! A policy: where it stands, which PFs it names, and which networks take from its pool.

use super::against::{Against, Effect};
use crate::colour;
use crate::output;
use crate::place::Place;
use crate::scene::Scene;
use schemars::JsonSchema;
use serde::Serialize;
use sriovd_core::model::{NetworkName, PolicyName, ResourceName};
use sriovd_core::policy::Policy;

#[derive(Debug, JsonSchema, Serialize)]
pub(crate) struct ExplainedPolicy {
    name: PolicyName,
    #[serde(flatten)]
    place: Place,
    priority: u8,
    enabled: bool,
    resource: Option<ResourceName>,
    networks: Vec<NetworkName>,
    /// Every PF here.
    pfs: Vec<Against>,
}

pub(super) fn explain_policy(scene: &Scene, policy: &Policy) -> ExplainedPolicy {
    let networks = scene.policies.networks.iter();
    let networks =
        networks.filter(|network| policy.resource.is_some() && network.resource == policy.resource);
    let pfs = scene.host.pfs.values();
    ExplainedPolicy {
        name: policy.name.clone(),
        place: (&policy.origin).into(),
        priority: policy.priority,
        enabled: policy.enabled,
        resource: policy.resource.clone(),
        networks: networks.map(|network| network.name.clone()).collect(),
        pfs: pfs.map(|pf| Against::new(scene, policy, pf)).collect(),
    }
}

pub(super) fn text(policy: &ExplainedPolicy) -> String {
    let name = colour::paint(colour::TITLE, &format!("policy {}", policy.name));
    let (place, priority) = (&policy.place, policy.priority);
    let in_force = |against: &&Against| matches!(against.effect, Effect::InForce { .. });
    let sum = match policy.pfs.iter().filter(in_force).count() {
        0 if policy.pfs.is_empty() => "there is no SR-IOV NIC here".to_owned(),
        0 => "it is in force on no PF here".to_owned(),
        pfs => format!("it is in force on {}", output::counted(pfs, "PF")),
    };
    let head = format!("{name} ({place}, priority {priority}): {sum}.\n");
    let pool = match &policy.resource {
        None => "It forms no pool.\n".to_owned(),
        Some(resource) => {
            let networks: Vec<String> = policy.networks.iter().map(ToString::to_string).collect();
            match networks.is_empty() {
                true => format!("Its VFs form the pool {resource}, which no network uses.\n"),
                false => format!(
                    "Its VFs form the pool {resource}, for {}.\n",
                    networks.join(", ")
                ),
            }
        }
    };
    let pfs = policy.pfs.iter().map(|against| {
        let (name, verdict) = (against.pf_name(), against.verdict());
        format!("{name}: {verdict}\n{}", against.key_lines("  "))
    });
    output::paragraphs([head + &pool].into_iter().chain(pfs))
}
