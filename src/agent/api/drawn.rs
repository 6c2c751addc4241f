//! The last picture, and how long it holds.

use axum::body::Bytes;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// So long a picture holds where nothing is told: that a program opens a VF, for one, is not.
const HOLDS: Duration = Duration::from_secs(10);

/// The last picture. Who comes while it is drawn waits for it.
#[derive(Debug, Default)]
pub(super) struct Drawn(pub(super) Mutex<Option<Drawing>>);

#[derive(Debug)]
pub(super) struct Drawing {
    /// The last event before it.
    pub(super) event: u64,
    pub(super) since: Instant,
    pub(super) svg: Bytes,
}

impl Drawing {
    pub(super) fn holds(&self, event: u64) -> bool {
        self.event == event && self.since.elapsed() < HOLDS
    }
}
