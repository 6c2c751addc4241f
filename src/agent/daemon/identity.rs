//! Which node this is for policies: how it is read, and how far that is.

use super::backoff::{Backoff, SETTLE, jitter};
use super::journal;
use crate::events::Cause;
use crate::load::read::Trust;
use crate::settings::{FILE, Settings, Unusable};
use sriovd_core::host::{Host, HostError};
use sriovd_core::model::Node;
use sriovd_core::policy::diagnostic::Diagnostic;
use std::path::Path;
use std::time::Instant;

/// Why it is not known which node this is.
#[derive(Debug, thiserror::Error)]
pub(super) enum NodeError {
    #[error("{0}")]
    Host(#[from] HostError),
    #[error("{}", lines(.0))]
    Settings(Vec<Diagnostic>),
    /// No event tells when it can be read.
    #[error("{}", lines(.0))]
    Unread(Vec<Diagnostic>),
}

fn lines(diagnostics: &[Diagnostic]) -> String {
    let lines: Vec<_> = diagnostics.iter().map(Diagnostic::one_line).collect();
    lines.join("; ")
}

/// One reading at a time, and one more for whatever was asked meanwhile.
#[derive(Debug, Default)]
pub(super) struct NodeReading {
    pub(super) is_at_work: bool,
    next: Option<Cause>,
    pub(super) again: Option<(Instant, Cause)>,
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

    pub(super) fn ends(&mut self) -> Option<Cause> {
        self.is_at_work = false;
        self.next.take()
    }

    pub(super) fn note(&mut self, error: Option<NodeError>, cause: &Cause) {
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
    pub(super) fn is_doubtful(&mut self, in_force: &Node, read: &Node, cause: &Cause) -> bool {
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
        Unusable::Unread(diagnostics) => NodeError::Unread(diagnostics),
        Unusable::Wrong(diagnostics) => NodeError::Settings(diagnostics),
    })?;
    Ok(settings.node.of(host.node()?))
}
