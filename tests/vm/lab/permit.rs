//! How many guests may run at once: `cargo test` starts more threads than a small machine can emulate for.

use std::env;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

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
pub struct Permit {
    since: Instant,
}

impl Permit {
    pub fn wait() -> Self {
        let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let mut running = ENDED
            .wait_while(running, |running| *running >= limit())
            .unwrap_or_else(PoisonError::into_inner);
        *running += 1;
        Self {
            since: Instant::now(),
        }
    }

    /// For `tests/run`, which tells what takes long. A thread has the name of its test.
    fn note_time(&self) -> io::Result<()> {
        let Some(directory) = option_env!("CARGO_TARGET_TMPDIR") else {
            return Ok(());
        };
        let test = thread::current();
        let seconds = self.since.elapsed().as_secs();
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(Path::new(directory).join("guest-seconds"))?
            .write_all(format!("{seconds} {}\n", test.name().unwrap_or_default()).as_bytes())
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        // Best effort: no test is about it.
        let _ = self.note_time();
        *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        ENDED.notify_one();
    }
}
