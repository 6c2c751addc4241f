//! A network: its pool, the VF it has or why it has none, and the file that says so.

use crate::place::Place;
use crate::scene::Scene;
use crate::{colour, output};
use schemars::JsonSchema;
use serde::Serialize;
use sriovd_core::model::{NetworkName, PciAddress, PfSnapshot, PolicyName, ResourceName, VfIndex};
use sriovd_core::policy::Network;
use sriovd_core::render::{assign, cni, pools};

#[derive(Debug, JsonSchema, Serialize)]
pub(crate) struct ExplainedNetwork {
    name: NetworkName,
    #[serde(flatten)]
    place: Place,
    resource: Option<ResourceName>,
    /// Of policies that form its pool, in force here or not.
    policies: Vec<PolicyName>,
    /// How many VFs of the pool are ready here.
    ready: usize,
    vf: Option<Given>,
    /// Why it has no VF.
    reason: Option<String>,
    conflist: String,
    /// Each container gets a VF of the pool as it starts.
    is_shared: bool,
}

#[derive(Debug, JsonSchema, Serialize)]
struct Given {
    address: PciAddress,
    pf: PciAddress,
    pf_interface: Option<String>,
    index: VfIndex,
}

pub(super) fn explain_network(scene: &Scene, network: &Network) -> ExplainedNetwork {
    let world = scene.world();
    let pools = pools::pools(world);
    let coming = |resource: &_, last: &_| pools::is_coming(resource, last, world);
    let previous = &scene.memory.assignments;
    let is_shared = |network: &Network| scene.own_cni_plugin && cni::is_for_our_plugin(network);
    let mut pinned = scene.policies.networks.clone();
    pinned.retain(|network| !is_shared(network));
    let assigned = assign::assign(&pinned, &pools, previous, coming);
    let given = |pf: &PfSnapshot, index, address| Given {
        address,
        pf: pf.address,
        pf_interface: pf.interface.as_ref().map(|it| it.name.to_string()),
        index,
    };
    let (vf, reason) = match assigned.get(&network.name) {
        Some(Ok(member)) => {
            let vf = given(member.pf, member.index, member.vf.address);
            (Some(vf), None)
        }
        Some(Err(none)) => (None, Some(none.to_string())),
        None => (None, None),
    };
    let of_pool = scene.policies.policies.iter();
    let of_pool =
        of_pool.filter(|policy| network.resource.is_some() && policy.resource == network.resource);
    let members = network.resource.as_ref().and_then(|it| pools.get(it));
    ExplainedNetwork {
        name: network.name.clone(),
        place: (&network.origin).into(),
        resource: network.resource.clone(),
        policies: of_pool.map(|policy| policy.name.clone()).collect(),
        ready: members.map_or(0, Vec::len),
        vf,
        reason,
        conflist: cni::file_name(&network.name),
        is_shared: is_shared(network),
    }
}

pub(super) fn text(network: &ExplainedNetwork) -> String {
    let name = colour::paint(colour::TITLE, &format!("network {}", network.name));
    let head = format!("{name} ({})\n", network.place);
    let pool = match &network.resource {
        None => "It takes no VF: its configuration is published as it is given.\n".to_owned(),
        Some(resource) => {
            let policies: Vec<String> = network.policies.iter().map(ToString::to_string).collect();
            let by = match policies.len() {
                0 => "which no policy forms".to_owned(),
                1 => format!("which policy {} forms", policies.concat()),
                _ => format!("which policies {} form", policies.join(", ")),
            };
            let ready = output::counted(network.ready, "VF");
            format!("It takes a VF of the pool {resource}, {by}: {ready} ready here.\n")
        }
    };
    let conflist = &network.conflist;
    let vf = match (&network.vf, &network.reason) {
        (Some(vf), _) => {
            let address = vf.pf.to_string();
            let pf = vf.pf_interface.as_ref().unwrap_or(&address);
            let (index, at) = (vf.index, vf.address);
            format!("It has VF {index} of {pf} ({at}), as {conflist} says.\n")
        }
        (None, Some(reason)) => {
            let reason = colour::paint(colour::BAD, reason);
            format!("It has no VF, so {conflist} is not there: {reason}\n")
        }
        (None, None) if network.is_shared => {
            format!("Each container in it gets one when it starts, as {conflist} says.\n")
        }
        (None, None) => format!("It is in {conflist}.\n"),
    };
    head + &pool + &vf
}
