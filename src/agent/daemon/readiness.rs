//! What the service manager is told of how far the daemon is.

use super::value::Daemon;
use super::{journal, notify};
use std::time::{Duration, Instant};

/// What the service manager waits longer than we do.
const MARGIN: Duration = Duration::from_secs(30);

/// `READY=1` after the first look, or when it takes too long; and again after each reload.
pub(super) struct Readiness {
    is_ready: bool,
    pub(super) deadline: Option<Instant>,
    reloading: bool,
    said: String,
}

impl Readiness {
    pub(super) fn new(patience: Duration) -> Self {
        notify::starting(patience + MARGIN);
        let deadline = Some(Instant::now() + patience);
        Self {
            is_ready: false,
            deadline,
            reloading: false,
            said: String::new(),
        }
    }

    /// `update` says when it is over.
    pub(super) fn begin_reload(&mut self) {
        self.reloading = true;
        // Without a clock systemd would not understand it.
        let _ = notify::reloading();
    }

    pub(super) fn update(&mut self, daemon: &Daemon) {
        let summary = daemon.summary();
        let late = self.deadline.is_some_and(|at| at <= Instant::now());
        if !self.is_ready && (daemon.is_ready() || late) {
            self.is_ready = true;
            self.deadline = None;
            daemon.shared.ledger.is_complete();
            // Whatever waits for the agent comes after this in the journal, too.
            journal::ready(&summary);
            notify::ready(&summary);
        } else if self.reloading && !daemon.is_loading() {
            self.reloading = false;
            journal::reloaded(&summary);
            notify::ready(&summary);
        } else if self.said != summary {
            notify::status(&summary);
        }
        self.said = summary;
    }
}
