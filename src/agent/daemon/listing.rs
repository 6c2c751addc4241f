//! How far the listing of PFs is: whether one is at work, what was asked meanwhile, when to try again.

use super::backoff::{Backoff, jitter};
use super::journal;
use super::slot::Waiting;
use crate::events::Cause;
use sriovd_core::host::HostError;
use std::time::Instant;

/// One listing at a time, and one more for all that was asked meanwhile.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) backoff: Backoff,
    pub(super) again: Option<(Instant, Cause)>,
    /// Why it could not be told the last time.
    pub(super) error: Option<String>,
    pub(super) is_at_work: bool,
    pub(super) next: Option<Waiting>,
}

impl Listing {
    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.again.as_ref().map(|(at, _)| *at)
    }

    pub(super) fn failed(&mut self, error: &HostError, cause: &Cause) {
        let reason = error.to_string();
        if self.error.as_ref() != Some(&reason) {
            journal::not_listed(&reason);
        }
        self.error = Some(reason);
        let at = Instant::now() + self.backoff.next(jitter());
        self.again = Some((at, cause.clone()));
    }
}
