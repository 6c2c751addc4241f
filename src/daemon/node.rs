//! Which node this is for policies: its name and its labels, read again when something says that they changed.

use super::backoff::{Backoff, jitter};
use super::load::look_at_affected;
use super::loading::SETTLE;
use super::value::Daemon;
use super::{job, journal};
use crate::agent::{FILE, Settings, Unusable};
use crate::events::Cause;
use crate::load::read::Trust;
use sriovd_core::host::{Host, HostError};
use sriovd_core::model::Node;
use sriovd_core::policy::diagnostic::Diagnostic;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Why it is not known which node this is.
#[derive(Debug, thiserror::Error)]
pub(super) enum NodeError {
    #[error("{0}")]
    Host(#[from] HostError),
    #[error("{}", lines(.0))]
    Settings(Vec<Diagnostic>),
    /// No event tells when it can be read.
    #[error("{}", .0.one_line())]
    Unread(Diagnostic),
}

fn lines(diagnostics: &[Diagnostic]) -> String {
    let lines: Vec<_> = diagnostics.iter().map(Diagnostic::one_line).collect();
    lines.join("; ")
}

/// One reading at a time, and one more for whatever was asked meanwhile.
#[derive(Debug, Default)]
pub(super) struct NodeReading {
    is_at_work: bool,
    next: Option<Cause>,
    again: Option<(Instant, Cause)>,
    backoff: Backoff,
    /// Why it could not be told the last time.
    pub(super) error: Option<NodeError>,
    /// Since when something is missed that policies may ask for.
    missed_since: Option<Instant>,
}

impl NodeReading {
    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.again.as_ref().map(|(at, _)| *at)
    }

    /// The settings file, while what it said last is in force.
    pub(super) fn unusable_file(&self) -> Option<&'static Path> {
        let is_settings = matches!(
            self.error,
            Some(NodeError::Settings(_) | NodeError::Unread(_))
        );
        is_settings.then_some(Path::new(FILE))
    }

    /// Whether a reading for this cause may begin now. If not, it begins after the one at work.
    pub(super) fn begin(&mut self, cause: &Cause) -> bool {
        if self.is_at_work {
            self.next = Some(cause.clone());
            return false;
        }
        self.is_at_work = true;
        self.again = None;
        true
    }

    fn ends(&mut self) -> Option<Cause> {
        self.is_at_work = false;
        self.next.take()
    }

    fn note(&mut self, error: Option<NodeError>, cause: &Cause) {
        let reason = error.as_ref().map(ToString::to_string);
        let before = self.error.as_ref().map(ToString::to_string);
        match &reason {
            Some(reason) if before.as_ref() != Some(reason) => journal::node_unread(reason),
            None if before.is_some() => journal::node_read(),
            _ => {}
        }
        match &error {
            Some(NodeError::Host(_) | NodeError::Unread(_)) => {
                let at = Instant::now() + self.backoff.next(jitter());
                self.again = Some((at, cause.clone()));
            }
            Some(NodeError::Settings(_)) | None => self.backoff.reset(),
        }
        self.error = error;
    }

    /// Many programs empty or remove a file before they write it anew.
    fn is_doubtful(&mut self, in_force: &Node, read: &Node, cause: &Cause) -> bool {
        let mut labels = in_force.labels.keys();
        let lacks_name = in_force.hostname_is_set && !read.hostname_is_set;
        let lacks = lacks_name || labels.any(|label| !read.labels.contains_key(label));
        let now = Instant::now();
        let since = *self.missed_since.get_or_insert(now);
        let is_settled = now >= since + SETTLE;
        if cause.is_asked_for() || !lacks || is_settled {
            self.missed_since = None;
            return false;
        }
        self.again = Some((since + SETTLE, cause.clone()));
        true
    }
}

/// The node as the host and the settings file say now.
pub(super) fn read(host: &dyn Host, root: &Path) -> Result<Node, NodeError> {
    let settings = Settings::load(root, Trust::Enforce);
    let (settings, _) = settings.map_err(|unusable| match unusable {
        Unusable::Unread(diagnostic) => NodeError::Unread(diagnostic),
        Unusable::Wrong(diagnostics) => NodeError::Settings(diagnostics),
    })?;
    Ok(settings.node.of(host.node()?))
}

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
