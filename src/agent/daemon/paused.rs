//! What is paused now.

use sriovd_core::report::Pauses;
use std::sync::{Arc, Mutex, PoisonError};

/// What is paused now. The memory on the disk follows.
#[derive(Debug, Clone, Default)]
pub(super) struct Current(Arc<Mutex<Pauses>>);

impl Current {
    pub(super) fn new(remembered: Pauses) -> Self {
        Self(Arc::new(Mutex::new(remembered)))
    }

    pub(super) fn read<T>(&self, read: impl FnOnce(&Pauses) -> T) -> T {
        read(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Pauses)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
