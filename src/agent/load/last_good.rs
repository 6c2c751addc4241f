//! What each file said when it was last in order, kept across restarts.

use super::{LastGood, Loaded};
use sriovd_host::file;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

const FILE: &str = "last-good.json";
const TEMPORARY: &str = ".sriovd-last-good.json.tmp";

/// Why the last good content cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum LastGoodError {
    /// The file is there and cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the kernel says.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{} does not hold what was written there", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong in it.
        source: serde_json::Error,
    },
    /// The file cannot be written; what was there before is there.
    #[error("cannot write {}", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// What the kernel says.
        source: io::Error,
    },
}

impl LastGoodError {
    /// Whether policies may be missing in what was loaded without what was good last: nothing says what was in a directory
    /// that cannot be read.
    pub fn leaves_in_doubt(&self, loaded: &Loaded) -> bool {
        match self {
            Self::Read { .. } => loaded.has_broken() || loaded.is_incomplete,
            Self::Damaged { .. } => loaded.is_incomplete,
            Self::Write { .. } => false,
        }
    }
}

/// Nothing where nothing was written yet.
pub fn read(dir: &Path) -> Result<LastGood, LastGoodError> {
    let path = dir.join(FILE);
    match file::access(&path).and_then(|()| fs::read(&path)) {
        Ok(bytes) => {
            serde_json::from_slice(&bytes).map_err(|source| LastGoodError::Damaged { path, source })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(LastGood::default()),
        Err(source) => Err(LastGoodError::Read { path, source }),
    }
}

/// As a whole or not at all.
pub fn write(last_good: &LastGood, dir: &Path) -> Result<(), LastGoodError> {
    let path = dir.join(FILE);
    let write = || -> io::Result<()> {
        let bytes = serde_json::to_vec(last_good)?;
        if fs::read(&path).is_ok_and(|present| present == bytes) {
            return Ok(());
        }
        file::create_directories(dir).map_err(|error| error.source)?;
        let temporary = dir.join(TEMPORARY);
        file::access(&temporary)?;
        // Files that only root may read can be in it.
        let private = &mut OpenOptions::new();
        private.write(true).create(true).truncate(true).mode(0o600);
        let mut new = private.open(&temporary)?;
        file::access(&temporary)?;
        new.write_all(&bytes)?;
        new.sync_all()?;
        file::access(&path)?;
        fs::rename(&temporary, &path)?;
        file::access(dir)?;
        File::open(dir)?.sync_all()
    };
    write().map_err(|source| {
        // Best effort: on a full disk it takes room that others could use.
        let _ = fs::remove_file(dir.join(TEMPORARY));
        LastGoodError::Write {
            path: path.clone(),
            source,
        }
    })
}
