//! A running pass, seen from outside: what it is at, how far it is, and a word to end it.

use crate::api::Feed;
use sriovd_core::host::HostError;
use sriovd_core::model::{PciAddress, Step};
use sriovd_core::reconcile::Observer;
use sriovd_core::report::Happening;
use sriovd_core::report::event::PlannedStep;
use sriovd_core::report::progress::Tally;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(super) struct Watched {
    pf: PciAddress,
    feed: Feed,
    inner: Mutex<Inner>,
    cancelled: AtomicBool,
}

#[derive(Debug)]
struct Inner {
    /// The step it is at, or none while it looks; and since when.
    step: Option<Step>,
    since: Instant,
    tally: Tally,
}

impl Watched {
    pub(super) fn new(pf: PciAddress, feed: Feed) -> Self {
        let inner = Inner {
            step: None,
            since: Instant::now(),
            tally: Tally::default(),
        };
        Self {
            pf,
            feed,
            inner: Mutex::new(inner),
            cancelled: AtomicBool::new(false),
        }
    }

    pub(super) fn pf(&self) -> PciAddress {
        self.pf
    }

    /// The look at the PF begins now: what was waited for before is not the kernel's.
    pub(super) fn looks(&self) {
        self.inner().since = Instant::now();
    }

    pub(super) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    pub(super) fn current(&self) -> (Option<Step>, Instant) {
        let inner = self.inner();
        (inner.step.clone(), inner.since)
    }

    /// The kernel tells of a VF of this PF while the pass is at work.
    pub(super) fn vf_appeared(&self, vf: PciAddress) {
        let mut inner = self.inner();
        if inner.tally.vf_appeared(vf) {
            self.tell_progress(&inner);
        }
    }

    fn tell_progress(&self, inner: &Inner) {
        if self.feed.is_followed() {
            let (pf, progress) = (self.pf, inner.tally.progress());
            self.feed.tell(Happening::Progress { pf, progress });
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Watched {
    fn planned(&self, steps: &[Step]) {
        let mut inner = self.inner();
        inner.tally.planned(steps);
        if self.feed.is_followed() {
            self.feed.tell(Happening::Plan {
                pf: self.pf,
                steps: steps.iter().map(PlannedStep::of).collect(),
            });
        }
    }

    fn step_begins(&self, step: &Step) {
        let mut inner = self.inner();
        inner.step = Some(step.clone());
        inner.since = Instant::now();
    }

    fn step_ends(&self, step: &Step, result: Result<Duration, &HostError>) {
        let mut inner = self.inner();
        inner.step = None;
        inner.since = Instant::now();
        match result {
            Ok(took) => {
                self.feed.tell(Happening::step_done(self.pf, step, took));
                inner.tally.step_done(step);
                self.tell_progress(&inner);
            }
            Err(error) => self.feed.tell(Happening::step_failed(self.pf, step, error)),
        }
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}
