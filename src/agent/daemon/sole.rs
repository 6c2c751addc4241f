//! One agent per root: a lock that is held for the life of the process.

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use sriovd_host::file::{self, FileError};
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

const LOCK: &str = "/run/sriovd/lock";

/// Held until dropped.
#[derive(Debug)]
pub(super) struct SoleAgent {
    _lock: File,
}

/// Why this process is not the agent of its root.
#[derive(Debug, thiserror::Error)]
pub enum NotSole {
    /// Another process is.
    #[error("{holder} already runs with root {}, and there is one agent for each root", root.display())]
    Held {
        /// The process that has the lock.
        holder: Holder,
        /// The root that it works below.
        root: PathBuf,
    },
    /// The lock cannot be taken.
    #[error(transparent)]
    Lock(#[from] FileError),
}

/// Which process has the lock, as it says in the lock's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder(Option<(u32, String)>);

impl SoleAgent {
    /// `name`: what this process is, for others who want the lock. Waits for nobody.
    pub(super) fn of(root: &Path, name: &str) -> Result<Self, NotSole> {
        let path = file::under(root, Path::new(LOCK));
        let directory = path.parent().unwrap_or(root);
        file::create_directories(directory)?;
        // Held only until it is known who has the other one: of several that want to take that from a
        // process that is ending, one does.
        let deciding = File::open(directory).map_err(FileError::new("open", directory))?;
        take(&deciding, FlockOperation::LockExclusive, directory)?;
        let mut lock = open(&path)?;
        if !take(&lock, FlockOperation::NonBlockingLockExclusive, &path)? {
            let holder = Holder::read(&path);
            let root = root.to_owned();
            if !holder.has_ended() {
                return Err(NotSole::Held { holder, root });
            }
            fs::remove_file(&path).map_err(FileError::new("remove", &path))?;
            lock = open(&path)?;
            if !take(&lock, FlockOperation::NonBlockingLockExclusive, &path)? {
                return Err(NotSole::Held { holder, root });
            }
        }
        let holder = format!("{} {name}\n", std::process::id());
        fs::write(&path, holder).map_err(FileError::new("write", &path))?;
        Ok(Self { _lock: lock })
    }
}

/// For reading, so that its file system can be made read-only while it is held.
fn open(path: &Path) -> Result<File, FileError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    let made = options.open(path);
    made.and_then(|_| File::open(path))
        .map_err(FileError::new("open", path))
}

/// False if somebody else has it.
fn take(file: &File, how: FlockOperation, path: &Path) -> Result<bool, FileError> {
    match flock(file, how) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(errno) => Err(FileError::new("lock", path)(errno.into())),
    }
}

impl Holder {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_default();
        let holder = text.trim_end().split_once(' ');
        let holder = holder.and_then(|(pid, name)| Some((pid.parse().ok()?, name.to_owned())));
        Self(holder)
    }

    /// It was told to end, and all of it is gone but a thread that the kernel has not let go: that
    /// keeps the process's files open, and the lock with them.
    fn has_ended(&self) -> bool {
        let Some((pid, _)) = self.0 else {
            return false;
        };
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
        // Behind its name, which may be anything.
        let state = stat
            .as_deref()
            .ok()
            .and_then(|stat| stat.rsplit(") ").next());
        state.is_some_and(|state| state.starts_with(['Z', 'X']))
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some((pid, name)) => write!(f, "{name} (process {pid})"),
            None => f.write_str("another process"),
        }
    }
}

#[cfg(test)]
mod tests;
