//! How far the reading of the policies is, and whether what was read is to be believed.

mod vanished;

use super::announce::{Unsaved, in_full};
use super::backoff::{Backoff, jitter};
use super::journal;
use crate::api::TlsError;
use crate::events::Cause;
use crate::load::{LastGoodError, Loaded};
use sriovd_core::policy::PolicySet;
use std::time::Instant;
use tokio::sync::oneshot;
use vanished::Vanished;

/// The reading at work, and one more for whatever was asked meanwhile.
#[derive(Debug, Default)]
pub(super) struct Loading {
    pub(super) at_work: Option<Vec<oneshot::Sender<()>>>,
    pub(super) next: Option<Load>,
    unsaved: Unsaved,
    backoff: Backoff,
    vanished: Vanished,
    pub(super) retry_at: Option<Instant>,
    /// Why it is not known what was in force before the agent started, where that matters.
    pub(super) in_doubt: Option<String>,
    /// Why the previous certificates are still in force.
    pub(super) unusable_tls: Option<TlsError>,
}

#[derive(Debug)]
pub(super) struct Load {
    pub(super) cause: Cause,
    pub(super) tell: Vec<oneshot::Sender<()>>,
}

impl From<Cause> for Load {
    fn from(cause: Cause) -> Self {
        Self {
            cause,
            tell: Vec::new(),
        }
    }
}

impl Load {
    pub(super) fn asked_for(cause: Cause, done: oneshot::Sender<()>) -> Self {
        Self {
            cause,
            tell: vec![done],
        }
    }

    /// One reading for both. Only somebody's wish reads what no event tells of.
    pub(super) fn merge(&mut self, other: Self) {
        if other.cause.is_asked_for() {
            self.cause = other.cause;
        }
        self.tell.extend(other.tell);
    }
}

impl Loading {
    pub(super) fn note_tls(&mut self, read: Option<Result<(), TlsError>>) {
        if let Some(read) = read {
            self.unusable_tls = read.err();
            let unusable = self.unusable_tls.iter();
            unusable.for_each(|error| journal::tls_broken(&error.file, error));
        }
    }

    /// Why to read again when that is due.
    pub(super) fn cause_of_retry(&self) -> Cause {
        if self.vanished.is_doubted() {
            Cause::PolicyFiles
        } else {
            Cause::Retry
        }
    }

    /// Whether to read once more before this reading is believed.
    pub(super) fn is_doubtful(
        &mut self,
        in_force: &PolicySet,
        read: &PolicySet,
        cause: &Cause,
    ) -> bool {
        if cause.is_asked_for() {
            self.vanished.forget();
            return false;
        }
        let again = self.vanished.read_again_at(in_force, read, Instant::now());
        self.retry_at = again.or(self.retry_at);
        again.is_some()
    }

    /// Tried again by reading again. Until then the last good texts are at hand only.
    pub(super) fn note_unsaved(&mut self, unsaved: Option<&LastGoodError>, loaded: &Loaded) {
        self.unsaved.announce(unsaved.map(|error| error as _));
        self.in_doubt = unsaved
            .filter(|error| error.leaves_in_doubt(loaded))
            .map(|error| in_full(error));
        if unsaved.is_some() || loaded.is_incomplete {
            self.retry_at = Some(Instant::now() + self.backoff.next(jitter()));
        } else {
            self.backoff.reset();
        }
    }
}
