//! Work in one directory, so that a file system that does not answer holds up the work in no other.

use super::FileError;
use std::collections::BTreeMap;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// For so long a directory's file system may be at work before the work elsewhere goes on.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs work on a thread of its own, one for each directory at a time.
#[derive(Debug, Clone)]
pub struct Apart {
    work: Arc<Work>,
    patience: Duration,
}

#[derive(Debug, Default)]
struct Work {
    /// Directories in which something is at work, each since when.
    busy: Mutex<BTreeMap<PathBuf, Instant>>,
    ended: Condvar,
}

impl Default for Apart {
    fn default() -> Self {
        Self::with_patience(PATIENCE)
    }
}

impl Apart {
    /// Waits for so long for the work in a directory.
    pub fn with_patience(patience: Duration) -> Self {
        Self {
            work: Arc::default(),
            patience,
        }
    }

    /// What the work comes to, after that of others in the same directory. An error where it takes too long, and at once as
    /// long as work that took too long, there or in a directory above, has not come back: what it still does is not undone,
    /// and no other work overtakes it.
    pub fn run<T: Send + 'static>(
        &self,
        directory: &Path,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, FileError> {
        let failed = FileError::new("work in", directory);
        let unanswered = || Error::new(ErrorKind::TimedOut, "its file system does not answer");
        let Some(begun) = self.begin(directory) else {
            return Err(failed(unanswered()));
        };
        let (tell, told) = mpsc::channel();
        let spawned = thread::Builder::new().spawn(move || {
            let done = work();
            // Before it is told: the next work here may begin then.
            drop(begun);
            drop(tell.send(done));
        });
        match spawned {
            Ok(_) => (told.recv_timeout(self.patience)).map_err(|_| failed(unanswered())),
            Err(error) => Err(failed(error)),
        }
    }

    /// `None`: what is at work there takes too long.
    fn begin(&self, directory: &Path) -> Option<Begun> {
        let mut busy = self.work.lock();
        loop {
            let is_overdue = |begun: &Instant| begun.elapsed() >= self.patience;
            let mut places = directory.ancestors();
            if places.any(|place| busy.get(place).is_some_and(is_overdue)) {
                return None;
            }
            let Some(begun) = busy.get(directory) else {
                break;
            };
            let left = self.patience.saturating_sub(begun.elapsed());
            let waited = self.work.ended.wait_timeout(busy, left);
            busy = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        busy.insert(directory.to_owned(), Instant::now());
        Some(Begun {
            work: Arc::clone(&self.work),
            directory: directory.to_owned(),
        })
    }
}

impl Work {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Instant>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Begun {
    work: Arc<Work>,
    directory: PathBuf,
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.work.lock().remove(&self.directory);
        self.work.ended.notify_all();
    }
}

#[cfg(test)]
mod tests;
