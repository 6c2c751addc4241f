//! Which PFs are there: asked again until it can be told. One listing at a time, and one more for
//! whatever was asked meanwhile.

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
    is_at_work: bool,
    next: Option<Waiting>,
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
    /// See to it that a listing begins after now.
    pub(super) fn list(&mut self, waiting: Waiting) {
        match &mut self.listing.next {
            Some(next) => next.merge(waiting),
            none => *none = Some(waiting),
        }
        self.begin_listing();
    }

    fn begin_listing(&mut self) {
        if !self.listing.is_at_work
            && let Some(waiting) = self.listing.next.take()
        {
            self.listing.is_at_work = true;
            job::list(&self.shared, &self.messages, waiting);
        }
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
                self.listing.backoff.reset();
                self.listing.again = None;
                self.listing.error = None;
                self.first_look.get_or_insert_with(|| listed.clone());
                listed
            }
            Err(error) => {
                self.listing.failed(&error, &waiting.cause);
                BTreeSet::new()
            }
        };
        self.listing.is_at_work = false;
        self.begin_listing();
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
