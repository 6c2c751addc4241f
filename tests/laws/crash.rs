//! An agent that dies: before a pass does its first step, or after any of its steps.

use sriovd_core::host::HostError;
use sriovd_core::model::Step;
use sriovd_core::reconcile::Observer;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Counts the moments at which a pass may die. What it is about to do is written down before the first.
#[derive(Debug)]
pub(crate) struct Moments {
    seen: AtomicUsize,
    last: usize,
}

impl Moments {
    pub(crate) fn all() -> Self {
        Self::until(usize::MAX)
    }

    /// Dies when it has come to so many.
    pub(crate) fn until(last: usize) -> Self {
        let seen = AtomicUsize::new(0);
        Self { seen, last }
    }

    pub(crate) fn seen(&self) -> usize {
        self.seen.load(Ordering::Relaxed)
    }

    fn count(&self) {
        self.seen.fetch_add(1, Ordering::Relaxed);
    }
}

impl Observer for Moments {
    fn planned(&self, _: &[Step]) {
        self.count();
    }

    fn step_begins(&self, _: &Step) {}

    fn step_ends(&self, _: &Step, _: Result<Duration, &HostError>) {
        self.count();
    }

    fn is_cancelled(&self) -> bool {
        self.seen() >= self.last
    }
}
