//! Work in one directory, so that a file system that does not answer holds up the work in no other.

use super::FileError;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// For so long a directory's file system may be at work before the work elsewhere goes on.
const PATIENCE: Duration = Duration::from_secs(10);

/// A thread that has nothing to do waits so long for more.
const IDLE: Duration = Duration::from_secs(1);

/// Runs work on threads of its own, one for each directory at a time.
#[derive(Debug, Clone)]
pub struct Apart {
    work: Arc<Work>,
    /// `None`: the caller's.
    threads: Option<Arc<Threads>>,
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
            threads: Some(Arc::default()),
            patience,
        }
    }

    /// Runs work where it is called, for as long as it takes: for a program that has nothing else to do meanwhile.
    pub fn on_this_thread() -> Self {
        Self {
            threads: None,
            ..Self::default()
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
        let Some(threads) = &self.threads else {
            return Ok(work());
        };
        let failed = FileError::new("work in", directory);
        let unanswered = || Error::new(ErrorKind::TimedOut, "its file system does not answer");
        let Some(begun) = self.begin(directory) else {
            return Err(failed(unanswered()));
        };
        let (tell, told) = mpsc::channel();
        let job = move || {
            let done = work();
            // Before it is told: the next work here may begin then.
            drop(begun);
            drop(tell.send(done));
        };
        let started = threads.start(Box::new(job));
        let done =
            started.and_then(|()| (told.recv_timeout(self.patience)).map_err(|_| unanswered()));
        done.map_err(failed)
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

type Job = Box<dyn FnOnce() + Send>;

/// As many as have work at once, and for a while those that have none any more: to start one for each piece of work costs
/// more than most of it.
#[derive(Default)]
struct Threads {
    state: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    /// Threads that wait for one.
    idle: usize,
}

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Threads").finish_non_exhaustive()
    }
}

impl Threads {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An error where there is no thread for it: it is not done.
    fn start(self: &Arc<Self>, job: Job) -> Result<(), Error> {
        let mut state = self.lock();
        if state.idle > state.jobs.len() {
            state.jobs.push_back(job);
            // It wants the lock at once.
            drop(state);
            self.changed.notify_one();
            return Ok(());
        }
        drop(state);
        let threads = Arc::clone(self);
        let spawned = thread::Builder::new()
            .name("apart".to_owned())
            .spawn(move || {
                job();
                threads.work();
            });
        spawned.map(drop)
    }

    fn work(&self) {
        while let Some(job) = self.next() {
            job();
        }
    }

    /// `None`: there was nothing to do for a while.
    fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        state.idle += 1;
        let is_empty = |state: &mut Waiting| state.jobs.is_empty();
        let waited = (self.changed).wait_timeout_while(state, IDLE, is_empty);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        state.idle -= 1;
        state.jobs.pop_front()
    }
}

#[cfg(test)]
mod tests;
