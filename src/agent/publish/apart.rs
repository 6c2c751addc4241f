//! Work in one directory, so that a file system that does not answer holds up the work in no other.

use sriovd_host::file::FileError;
use std::collections::BTreeSet;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

/// For so long a directory's file system may be at work before the work elsewhere goes on.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs work on a thread of its own, one for each directory at a time.
#[derive(Debug, Clone)]
pub struct Apart {
    /// Directories in which something is at work.
    busy: Arc<Mutex<BTreeSet<PathBuf>>>,
    patience: Duration,
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
            busy: Arc::default(),
            patience,
        }
    }

    /// What the work comes to. An error where that takes too long, and at once as long as work that took too long has not
    /// come back: what it still does is not undone, and no other work overtakes it.
    pub fn run<T: Send + 'static>(
        &self,
        directory: &Path,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, FileError> {
        let failed = FileError::new("work in", directory);
        let unanswered = || Error::new(ErrorKind::TimedOut, "its file system does not answer");
        if !self.lock().insert(directory.to_owned()) {
            return Err(failed(unanswered()));
        }
        let begun = Begun {
            apart: self.clone(),
            directory: directory.to_owned(),
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

    fn lock(&self) -> MutexGuard<'_, BTreeSet<PathBuf>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Begun {
    apart: Apart,
    directory: PathBuf,
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.apart.lock().remove(&self.directory);
    }
}

#[cfg(test)]
mod tests;
