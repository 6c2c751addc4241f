//! States of nodes that are gone: kept for a while, in case the node comes back, then deleted.

use super::cluster::Cluster;
use super::object::{Name, Watched};
use super::write::Write;
use super::{Decision, Memory, Settings};
use sriovd_core::model::Timestamp;

pub(super) fn decide(
    cluster: &Cluster,
    settings: &Settings,
    memory: &mut Memory,
    now: Timestamp,
    decision: &mut Decision,
) {
    let Some([nodes, states]) = cluster.known([Watched::Node, Watched::NodeState]) else {
        return;
    };
    let node = |state: &Name| Name::alone(&state.name);
    memory
        .gone
        .retain(|state, _| states.contains_key(state) && !nodes.contains_key(&node(state)));
    for (name, state) in states {
        if nodes.contains_key(&node(name)) || state.is_going() {
            continue;
        }
        let since = *memory.gone.entry(name.clone()).or_insert(now);
        let until = Timestamp::at(since.since_1970() + settings.keep_states);
        match until > now {
            true => decision.not_before(until),
            false => decision
                .writes
                .push(Write::delete(Watched::NodeState, state)),
        }
    }
}
