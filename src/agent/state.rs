//! What survives a restart: `Memory` in one file.
#![warn(missing_docs)]

pub mod posted;
pub mod sources;

use serde::de::Error as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sriovd_core::model::lenient::{self, Foreign};
use sriovd_core::plan::Memory;
use sriovd_host::file::{self, FileError};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

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
    /// The oldest version that understands it, if not only the one that wrote it.
    needs: Option<u64>,
}

/// What is remembered, at hand as a value that is replaced and never changed in place, and on disk.
/// Whoever reads waits for no disk; whoever changes it waits for his own change to be written. It
/// stays at hand when the disk refuses.
#[derive(Debug)]
pub struct Store {
    directory: PathBuf,
    current: Mutex<Current>,
    file: Mutex<StateFile>,
    /// The generation that the disk has for certain.
    synced: AtomicU64,
    refused: Foreign,
}

/// Locked for as long as it takes to point to it, or to change it.
#[derive(Debug, Default)]
struct Current {
    memory: Arc<Memory>,
    /// Counts the changes.
    generation: u64,
}

/// What is in the file, so that nothing is written twice. Locked while it is written, not while it
/// is synced.
#[derive(Debug, Default)]
struct StateFile {
    text: Option<String>,
    generation: u64,
    /// What could not be read is still there, and goes there before anything is written.
    in_the_way: Option<String>,
}

/// Why there is no memory, though there was a file. It was moved aside if `kept` says where.
#[derive(Debug, thiserror::Error)]
#[error(
    "{} {reason}; going on without it{}",
    path.display(),
    kept.as_ref().map(|kept| format!(", kept as {}", kept.display())).unwrap_or_default()
)]
pub struct Lost {
    /// The state file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: LostReason,
    /// Where it is now; `None` where it could not be moved.
    pub kept: Option<PathBuf>,
}

/// Why a state file is of no use.
#[derive(Debug, thiserror::Error)]
pub enum LostReason {
    /// It cannot be read.
    #[error("cannot be read ({0})")]
    Unreadable(std::io::Error),
    /// It is not JSON, or not that of a state file.
    #[error("is damaged ({0})")]
    Damaged(serde_json::Error),
    /// It has this version, and says that older ones cannot understand it.
    #[error("was written by a newer sriovd (version {0}, known is {VERSION})")]
    Newer(u64),
}

impl Store {
    /// A file that is not there is nothing to speak of: the host is new.
    pub fn open(directory: &Path) -> (Self, Option<Lost>) {
        sweep(directory);
        let path = directory.join(FILE);
        let mut in_the_way = None;
        let (saved, lost) = match read_patiently(&path) {
            Ok(saved) => (saved, None),
            Err(reason) => {
                let aside = match reason {
                    LostReason::Newer(version) => format!("{FILE}.version-{version}"),
                    LostReason::Unreadable(_) | LostReason::Damaged(_) => format!("{FILE}.broken"),
                };
                let kept = file::set_aside(&path, &directory.join(&aside)).ok();
                in_the_way = kept.is_none().then_some(aside);
                let lost = Lost { path, reason, kept };
                (Saved::default(), Some(lost))
            }
        };
        let store = Self {
            directory: directory.to_owned(),
            current: Mutex::new(Current {
                memory: Arc::new(saved.memory),
                generation: 0,
            }),
            file: Mutex::new(StateFile {
                text: saved.text,
                generation: 0,
                in_the_way,
            }),
            synced: AtomicU64::new(0),
            refused: saved.refused,
        };
        (store, lost)
    }

    /// The values that were there at the start and are not understood: they are kept as they stand.
    pub fn refused(&self) -> &Foreign {
        &self.refused
    }

    /// Where it is kept.
    pub fn path(&self) -> PathBuf {
        self.directory.join(FILE)
    }

    /// As it is now. Waits for no disk.
    pub fn memory(&self) -> Arc<Memory> {
        Arc::clone(&lock(&self.current).memory)
    }

    /// Changes, and saves so that it lasts. On an error the change holds in memory, and the next
    /// update tries to save it again.
    pub fn update(&self, change: impl FnOnce(&mut Memory)) -> Result<(), FileError> {
        self.change(change);
        self.write()?;
        self.sync()
    }

    /// Like `update`, for what a host that loses its power loses with it, such as its VFs: it lasts
    /// over a crash of the program, and is synced with the next `update`, for which it never waits.
    pub fn note(&self, change: impl FnOnce(&mut Memory)) -> Result<(), FileError> {
        self.change(change);
        self.write()
    }

    /// Something was noted, or could not be saved: the next update sees to it.
    pub fn is_unsaved(&self) -> bool {
        lock(&self.current).generation > self.synced.load(Ordering::Relaxed)
    }

    /// Replaces all that is remembered, and saves it.
    pub fn save(&self, memory: &Memory) -> Result<(), FileError> {
        self.update(|own| own.clone_from(memory))
    }

    fn change(&self, change: impl FnOnce(&mut Memory)) {
        let mut current = lock(&self.current);
        let before = Arc::clone(&current.memory);
        let memory = Arc::make_mut(&mut current.memory);
        change(memory);
        if !memory.foreign.is_empty()
            && let Ok(document) = serde_json::to_value(&*memory)
        {
            memory.foreign.prune(&document);
        }
        if current.memory != before {
            current.generation += 1;
        }
    }

    fn write(&self) -> Result<(), FileError> {
        let path = self.directory.join(FILE);
        let mut file = lock(&self.file);
        if let Some(aside) = &file.in_the_way {
            file::set_aside(&path, &self.directory.join(aside))?;
            file.in_the_way = None;
        }
        // What is newest by now, so that nothing older is ever written over it.
        let (memory, generation) = {
            let current = lock(&self.current);
            (Arc::clone(&current.memory), current.generation)
        };
        let text = write(&memory).map_err(|error| FileError::new("write", &path)(error.into()))?;
        if file.text.as_ref() != Some(&text) {
            file::create_directories(&self.directory)?;
            file::replace_unsynced(&path, &text)?;
            file.text = Some(text);
        }
        file.generation = generation;
        Ok(())
    }

    fn sync(&self) -> Result<(), FileError> {
        let written = lock(&self.file).generation;
        if self.synced.load(Ordering::Relaxed) < written {
            // Of what is written meanwhile it may sync more, and never less.
            file::sync(&self.directory.join(FILE))?;
            self.synced.fetch_max(written, Ordering::Relaxed);
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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

/// What was found.
#[derive(Debug, Default)]
struct Saved {
    memory: Memory,
    refused: Foreign,
    text: Option<String>,
}

/// Some errors are over in a moment, and without what was remembered nobody knows what is ours.
fn read_patiently(path: &Path) -> Result<Saved, LostReason> {
    const TRIES: u32 = 10;
    for _ in 1..TRIES {
        match read(path) {
            Err(LostReason::Unreadable(error)) if error.kind() != ErrorKind::InvalidData => {
                thread::sleep(Duration::from_millis(100));
            }
            read => return read,
        }
    }
    read(path)
}

fn read(path: &Path) -> Result<Saved, LostReason> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Saved::default()),
        Err(error) => return Err(LostReason::Unreadable(error)),
    };
    let (memory, refused) = understand(&text)?;
    Ok(Saved {
        memory,
        refused,
        text: Some(text),
    })
}

/// What a state file says.
pub fn parse(text: &str) -> Result<Memory, LostReason> {
    understand(text).map(|(memory, _)| memory)
}

/// With the values that are not understood, which the memory keeps.
fn understand(text: &str) -> Result<(Memory, Foreign), LostReason> {
    let mut document: Map<String, Value> =
        serde_json::from_str(text).map_err(LostReason::Damaged)?;
    let header = Header::deserialize(Value::Object(document.clone()));
    let header = header.map_err(LostReason::Damaged)?;
    if header.needs.unwrap_or(header.version) > VERSION {
        return Err(LostReason::Newer(header.version));
    }
    document.remove("version");
    let read: lenient::Read<Memory> = lenient::read(&Value::Object(document)).ok_or_else(|| {
        LostReason::Damaged(serde_json::Error::custom("not what sriovd remembers"))
    })?;
    let mut memory = read.known;
    // Lists that are empty without what is not understood of them come first.
    memory.foreign = read.unknown.and(read.refused.clone());
    Ok((memory, read.refused))
}

/// A state file that says this.
pub fn write(memory: &Memory) -> serde_json::Result<String> {
    let version = VERSION;
    let document = Document { version, memory };
    let mut text = if memory.foreign.is_empty() {
        serde_json::to_string_pretty(&document)?
    } else {
        let mut document = serde_json::to_value(document)?;
        memory.foreign.put_into(&mut document);
        serde_json::to_string_pretty(&document)?
    };
    text.push('\n');
    Ok(text)
}

#[cfg(test)]
mod tests;
