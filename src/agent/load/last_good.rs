//! What each file said when it was last in order, kept across restarts.

use super::LastGood;
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

/// Nothing where nothing was written yet.
pub fn read(dir: &Path) -> Result<LastGood, LastGoodError> {
    let path = dir.join(FILE);
    match fs::read(&path) {
        Ok(bytes) => {
            serde_json::from_slice(&bytes).map_err(|source| LastGoodError::Damaged { path, source })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(LastGood::default()),
        Err(source) => Err(LastGoodError::Read { path, source }),
    }
}

/// As a whole or not at all. The directory must exist.
pub fn write(last_good: &LastGood, dir: &Path) -> Result<(), LastGoodError> {
    let path = dir.join(FILE);
    let write = || -> io::Result<()> {
        let bytes = serde_json::to_vec(last_good)?;
        if fs::read(&path).is_ok_and(|present| present == bytes) {
            return Ok(());
        }
        let temporary = dir.join(TEMPORARY);
        // Files that only root may read can be in it.
        let private = &mut OpenOptions::new();
        private.write(true).create(true).truncate(true).mode(0o600);
        let mut file = private.open(&temporary)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, &path)?;
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
