//! One stream of everything that happens: many may follow it, nobody is waited for.

use super::clock::since_1970;
use super::counters::Counters;
use sriovd_core::model::Timestamp;
use sriovd_core::report::{Event, Happening};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::broadcast;

/// So far may a follower fall behind. A pass over a PF with hundreds of VFs makes a few thousand
/// events within a second.
const BEHIND: usize = 8192;

/// Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Feed {
    sender: broadcast::Sender<Arc<Event>>,
    /// The number of the last event. Held while sending, so that numbers ascend.
    last: Arc<Mutex<u64>>,
    counters: Arc<Counters>,
}

impl Feed {
    /// With all counters at zero. An error where two of them have one name.
    pub fn new() -> Result<Self, prometheus::Error> {
        Ok(Self {
            sender: broadcast::Sender::new(BEHIND),
            last: Arc::default(),
            counters: Arc::new(Counters::new()?),
        })
    }

    /// Whether it is worth telling what nobody counts.
    pub fn is_followed(&self) -> bool {
        self.sender.receiver_count() != 0
    }

    /// Counts it, and tells everyone who follows.
    pub fn tell(&self, happening: Happening) {
        self.counters.count(&happening);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last += 1;
        let event = Event {
            number: *last,
            time: Timestamp::at(since_1970()),
            happening,
        };
        // Nobody follows: nobody needs it.
        drop(self.sender.send(Arc::new(event)));
    }

    /// Of the last event that was told; 0 before the first.
    pub(super) fn last_number(&self) -> u64 {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn follow(&self) -> broadcast::Receiver<Arc<Event>> {
        self.sender.subscribe()
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.counters
    }
}
