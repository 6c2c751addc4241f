//! How many guests may run at once: `cargo test` starts more threads than a small machine can emulate for.

use std::env;
use std::sync::{Condvar, Mutex, PoisonError};

static RUNNING: Mutex<usize> = Mutex::new(0);
static ENDED: Condvar = Condvar::new();

/// Two use a small machine to the full; `SRIOVD_VM_JOBS` says otherwise.
fn limit() -> usize {
    env::var("SRIOVD_VM_JOBS")
        .ok()
        .and_then(|jobs| jobs.parse().ok())
        .unwrap_or(2)
        .max(1)
}

/// One guest's right to run.
pub struct Permit(());

impl Permit {
    pub fn wait() -> Self {
        let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let mut running = ENDED
            .wait_while(running, |running| *running >= limit())
            .unwrap_or_else(PoisonError::into_inner);
        *running += 1;
        Self(())
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        ENDED.notify_one();
    }
}
