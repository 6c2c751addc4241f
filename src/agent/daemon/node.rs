//! The node's name and labels, read again when something says that they changed.

use super::identity::NodeError;
use super::job;
use super::load::look_at_affected;
use super::value::Daemon;
use crate::events::Cause;
use sriovd_core::model::Node;
use std::sync::Arc;

/// See to it that a reading begins after now.
pub(super) fn look_at_node(daemon: &mut Daemon, cause: Cause) {
    if daemon.node.begin(&cause) {
        job::look_at_node(&daemon.shared, &daemon.messages, cause);
    }
}

pub(super) fn look_again(daemon: &mut Daemon) {
    if let Some((_, cause)) = daemon.node.again.take() {
        look_at_node(daemon, cause);
    }
}

/// Policies may ask for what is another now. A host that does not say who it is stays who it was.
pub(super) fn on_node(daemon: &mut Daemon, node: Result<Node, NodeError>, cause: &Cause) {
    let next = daemon.node.ends();
    let (node, error) = match node {
        Ok(node) => (Some(node), None),
        Err(error) => (None, Some(error)),
    };
    daemon.node.note(error, cause);
    daemon.has_news = true;
    let in_force = Arc::clone(&daemon.shared.node);
    let believed = node.filter(|node| !daemon.node.is_doubtful(&in_force, node, cause));
    if let Some(node) = believed.filter(|node| *node != *in_force) {
        daemon.shared.node = Arc::new(node);
        let policies = Arc::clone(&daemon.shared.policies);
        look_at_affected(daemon, &policies, &in_force, cause);
    }
    if let Some(cause) = next {
        look_at_node(daemon, cause);
    }
}

#[cfg(test)]
mod tests;
