//! `explain`: why a PF, a VF, a policy or a network is as it is.

mod against;
mod function;
mod network;
mod policy;

use super::scene::Scene;
use super::subject::Subject;
use function::{ExplainedPf, ExplainedVf};
use network::ExplainedNetwork;
use policy::ExplainedPolicy;
use schemars::JsonSchema;
use serde::Serialize;

#[derive(Debug, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub(super) enum Explained {
    Pf(Box<ExplainedPf>),
    Vf(Box<ExplainedVf>),
    Policy(Box<ExplainedPolicy>),
    Network(Box<ExplainedNetwork>),
}

pub(super) fn explain_subject(scene: &Scene, subject: &Subject<'_>) -> Explained {
    match *subject {
        Subject::Pf(pf) => Explained::Pf(Box::new(function::explain_pf(scene, pf))),
        Subject::Vf(pf, index) => Explained::Vf(Box::new(function::explain_vf(scene, pf, index))),
        Subject::Policy(policy) => {
            Explained::Policy(Box::new(policy::explain_policy(scene, policy)))
        }
        Subject::Network(network) => {
            Explained::Network(Box::new(network::explain_network(scene, network)))
        }
    }
}

pub(super) fn text(explained: &Explained) -> String {
    match explained {
        Explained::Pf(pf) => function::pf_text(pf),
        Explained::Vf(vf) => function::vf_text(vf),
        Explained::Policy(policy) => policy::text(policy),
        Explained::Network(network) => network::text(network),
    }
}
