//! All that is decided, in order.

use super::cluster::Cluster;
use super::{Decision, Memory, Settings, gone, networks, policies};
use sriovd_core::model::Timestamp;

/// Decides. What is not known yet is not judged: a kind of which no list has come is no empty one.
pub fn decide(
    cluster: &Cluster,
    settings: &Settings,
    memory: &mut Memory,
    now: Timestamp,
) -> Decision {
    let mut decision = Decision::default();
    networks::decide(cluster, settings, memory, now, &mut decision);
    policies::decide(cluster, memory, now, &mut decision);
    gone::decide(cluster, settings, memory, now, &mut decision);
    decision
}
