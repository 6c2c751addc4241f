//! Which PFs are there: asked again until it can be told.

use super::backoff::{Backoff, jitter};
use super::coordinator::Coordinator;
use super::slot::Waiting;
use super::{job, journal};
use crate::events::Cause;
use crate::host::HostError;
use crate::model::PciAddress;
use std::collections::BTreeSet;
use std::time::Instant;

#[derive(Debug, Default)]
pub(super) struct Listing {
    backoff: Backoff,
    again: Option<(Instant, Cause)>,
    /// Why it could not be told the last time.
    pub(super) error: Option<String>,
}

impl Listing {
    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.again.as_ref().map(|(at, _)| *at)
    }

    fn failed(&mut self, error: &HostError, cause: &Cause) {
        let reason = error.to_string();
        if self.error.as_ref() != Some(&reason) {
            journal::not_listed(&reason);
        }
        self.error = Some(reason);
        let at = Instant::now() + self.backoff.next(jitter());
        self.again = Some((at, cause.clone()));
    }
}

impl Coordinator {
    pub(super) fn list(&self, waiting: Waiting) {
        job::list(&self.shared, &self.messages, waiting);
    }

    pub(super) fn list_again(&mut self) {
        if let Some((_, cause)) = self.listing.again.take() {
            self.list(Waiting::new(cause));
        }
    }

    /// All PFs that are there, and those that we still believe to be there. Nothing is published
    /// before the first list: it would look as if there were none.
    pub(super) fn on_listed(
        &mut self,
        listed: Result<BTreeSet<PciAddress>, HostError>,
        waiting: &Waiting,
    ) {
        let listed = match listed {
            Ok(listed) => {
                self.listing = Listing::default();
                self.first_look.get_or_insert_with(|| listed.clone());
                listed
            }
            Err(error) => {
                self.listing.failed(&error, &waiting.cause);
                BTreeSet::new()
            }
        };
        let known: BTreeSet<_> = self.slots.keys().copied().collect();
        for pf in listed.union(&known) {
            self.ask(*pf, Waiting::new(waiting.cause.clone()));
        }
        self.publisher.mark_all();
        self.publish();
    }
}

#[cfg(test)]
mod tests;
