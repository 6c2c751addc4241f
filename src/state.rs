//! What survives a restart: `Memory` in one file.

use crate::file::{self, FileError};
use crate::plan::owned::Memory;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

const FILE: &str = "state.json";
const VERSION: u64 = 1;

#[derive(Serialize)]
struct Document<'a> {
    version: u64,
    #[serde(flatten)]
    memory: &'a Memory,
}

#[derive(Deserialize)]
struct Header {
    version: u64,
}

/// What is remembered, on disk and at hand. It stays at hand when the disk refuses.
#[derive(Debug)]
pub struct Store {
    directory: PathBuf,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    memory: Memory,
    /// The text in the file, so that nothing is written twice.
    saved: Option<String>,
    /// The file does not say all, or would not be whole if the host lost its power now.
    unsynced: bool,
}

/// Why there is no memory, though there was a file. It was moved aside if `kept` says where.
#[derive(Debug, thiserror::Error)]
#[error(
    "{} {reason}; going on without it{}",
    path.display(),
    kept.as_ref().map(|kept| format!(", kept as {}", kept.display())).unwrap_or_default()
)]
pub struct Lost {
    pub path: PathBuf,
    pub reason: LostReason,
    pub kept: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
pub enum LostReason {
    #[error("cannot be read ({0})")]
    Unreadable(std::io::Error),
    #[error("is damaged ({0})")]
    Damaged(serde_json::Error),
    #[error("was written by a newer sriovd (version {0}, known is {VERSION})")]
    Newer(u64),
}

impl Store {
    /// A file that is not there is nothing to speak of: the host is new.
    pub fn open(directory: &Path) -> (Self, Option<Lost>) {
        sweep(directory);
        let path = directory.join(FILE);
        let (inner, lost) = match read(&path) {
            Ok(inner) => (inner, None),
            Err(reason) => {
                let aside = directory.join(match reason {
                    LostReason::Newer(version) => format!("{FILE}.version-{version}"),
                    LostReason::Unreadable(_) | LostReason::Damaged(_) => format!("{FILE}.broken"),
                });
                let kept = fs::rename(&path, &aside).is_ok().then_some(aside);
                let lost = Lost { path, reason, kept };
                (Inner::default(), Some(lost))
            }
        };
        let store = Self {
            directory: directory.to_owned(),
            inner: Mutex::new(inner),
        };
        (store, lost)
    }

    pub fn memory(&self) -> Memory {
        self.lock().memory.clone()
    }

    pub fn read<T>(&self, read: impl FnOnce(&Memory) -> T) -> T {
        read(&self.lock().memory)
    }

    /// Changes and saves as one. On an error the change holds in memory, and the next update tries
    /// to save it again.
    pub fn update(&self, change: impl FnOnce(&mut Memory)) -> Result<(), FileError> {
        let mut inner = self.lock();
        change(&mut inner.memory);
        inner.save(&self.directory)?;
        inner.sync(&self.directory)
    }

    /// Like `update`, for what a host that loses its power loses with it, such as its VFs: it lasts
    /// over a crash of the program, and is synced with the next `update`. Waits for no disk.
    pub fn note(&self, change: impl FnOnce(&mut Memory)) -> Result<(), FileError> {
        let mut inner = self.lock();
        change(&mut inner.memory);
        inner.save(&self.directory)
    }

    /// Something was noted, or could not be saved: the next update sees to it.
    pub fn is_unsaved(&self) -> bool {
        self.lock().unsynced
    }

    pub fn save(&self, memory: &Memory) -> Result<(), FileError> {
        self.update(|own| own.clone_from(memory))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn save(&mut self, directory: &Path) -> Result<(), FileError> {
        let path = directory.join(FILE);
        let text =
            write(&self.memory).map_err(|error| FileError::new("write", &path)(error.into()))?;
        if self.saved.as_ref() != Some(&text) {
            self.unsynced = true;
            file::create_directories(directory)?;
            file::replace_unsynced(&path, &text)?;
            self.saved = Some(text);
        }
        Ok(())
    }

    fn sync(&mut self, directory: &Path) -> Result<(), FileError> {
        if self.unsynced {
            file::sync(&directory.join(FILE))?;
            self.unsynced = false;
        }
        Ok(())
    }
}

/// What was saved last, for those who only look; nothing where it cannot be read.
pub fn peek(directory: &Path) -> Memory {
    read(&directory.join(FILE)).unwrap_or_default().memory
}

/// What a crash left behind. Best effort: it takes room, and nothing else.
fn sweep(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(file::is_temporary) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn read(path: &Path) -> Result<Inner, LostReason> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Inner::default()),
        Err(error) => return Err(LostReason::Unreadable(error)),
    };
    Ok(Inner {
        memory: parse(&text)?,
        saved: Some(text),
        unsynced: false,
    })
}

/// What a state file says.
pub fn parse(text: &str) -> Result<Memory, LostReason> {
    let header: Header = serde_json::from_str(text).map_err(LostReason::Damaged)?;
    if header.version > VERSION {
        return Err(LostReason::Newer(header.version));
    }
    serde_json::from_str(text).map_err(LostReason::Damaged)
}

/// A state file that says this.
pub fn write(memory: &Memory) -> serde_json::Result<String> {
    let version = VERSION;
    let mut text = serde_json::to_string_pretty(&Document { version, memory })?;
    text.push('\n');
    Ok(text)
}

#[cfg(test)]
mod tests;
