//! What survives a restart: `Memory` in one file.
#![warn(missing_docs)]

pub mod last_seen;
mod lost;
pub mod posted;
pub mod sources;

use lost::VERSION;
pub use lost::{Lost, LostReason};
use serde::de::Error as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sriovd_core::memory::Memory;
use sriovd_core::model::lenient::{self, Foreign};
use sriovd_core::report::NotUnderstood;
use sriovd_host::file::apart::Apart;
use sriovd_host::file::{self, FileError};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

const FILE: &str = "state.json";
/// One that cannot be read, or is damaged, beside it.
const BROKEN: &str = "state.json.broken";

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
/// Whoever reads waits for no disk; whoever changes it waits for his own change to be written, as
/// long as the file system answers. It stays at hand when the disk refuses.
#[derive(Debug)]
pub struct Store {
    apart: Apart,
    inner: Arc<Inner>,
}

/// What threads share that write.
#[derive(Debug)]
struct Inner {
    directory: PathBuf,
    current: Mutex<Current>,
    file: Mutex<StateFile>,
    /// How many generations are in the file, of the first on.
    written: AtomicU64,
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

impl Store {
    /// A file that is not there is nothing to speak of: the host is new. One whose file system does not answer may be there.
    pub fn open(directory: &Path, apart: Apart) -> (Self, Option<Lost>) {
        let place = directory.to_owned();
        let found = apart.run(directory, move || find(&place));
        let found = found.unwrap_or_else(|unanswered| Found {
            saved: Saved::default(),
            lost: Some(Lost {
                path: directory.join(FILE),
                reason: LostReason::Unreadable(unanswered.source),
                kept: None,
            }),
            in_the_way: Some(BROKEN.to_owned()),
        });
        let Found {
            saved,
            lost,
            in_the_way,
        } = found;
        let inner = Inner {
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
            written: AtomicU64::new(0),
            synced: AtomicU64::new(0),
            refused: saved.refused,
        };
        let inner = Arc::new(inner);
        (Self { apart, inner }, lost)
    }

    /// The values that are not understood and kept as they stand, until something is learnt in their place.
    pub fn not_understood(&self) -> Vec<NotUnderstood> {
        let refused = &self.inner.refused;
        if refused.is_empty() {
            return Vec::new();
        }
        let memory = self.memory();
        // What cannot be written could not have been read either.
        let document = serde_json::to_value(&*memory).unwrap_or_default();
        let left = refused.unresolved(&memory.foreign, &document);
        let told = left.shown().map(|shown| NotUnderstood {
            file: self.inner.path(),
            place: shown.place,
            value: shown.value,
        });
        told.collect()
    }

    /// As it is now. Waits for no disk.
    pub fn memory(&self) -> Arc<Memory> {
        Arc::clone(&lock(&self.inner.current).memory)
    }

    /// Changes, and saves so that it lasts. On an error the change holds in memory, and the next
    /// update tries to save it again.
    pub fn update(&self, change: impl FnOnce(&mut Memory)) -> Result<(), FileError> {
        let generation = self.inner.change(change);
        self.write(generation)?;
        self.sync(generation)
    }

    /// Like `update`, for what a host that loses its power loses with it, such as its VFs: it lasts
    /// over a crash of the program, and is synced with the next `update`, for which it never waits.
    pub fn note(&self, change: impl FnOnce(&mut Memory)) -> Result<(), FileError> {
        let generation = self.inner.change(change);
        self.write(generation)
    }

    /// Something was noted, or could not be saved: the next update sees to it.
    pub fn is_unsaved(&self) -> bool {
        lock(&self.inner.current).generation > self.inner.synced.load(Ordering::Relaxed)
    }

    /// Replaces all that is remembered, and saves it.
    pub fn save(&self, memory: &Memory) -> Result<(), FileError> {
        self.update(|own| own.clone_from(memory))
    }

    fn write(&self, generation: u64) -> Result<(), FileError> {
        if self.inner.written.load(Ordering::Relaxed) > generation {
            return Ok(());
        }
        let inner = Arc::clone(&self.inner);
        self.apart
            .run(&self.inner.directory, move || inner.write())?
    }

    /// Apart from what is written, which does not wait for it.
    fn sync(&self, generation: u64) -> Result<(), FileError> {
        if self.inner.synced.load(Ordering::Relaxed) >= generation {
            return Ok(());
        }
        let inner = Arc::clone(&self.inner);
        self.apart.run(&self.inner.path(), move || inner.sync())?
    }
}

impl Inner {
    /// The generation that has it.
    fn change(&self, change: impl FnOnce(&mut Memory)) -> u64 {
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
        current.generation
    }

    fn path(&self) -> PathBuf {
        self.directory.join(FILE)
    }

    fn write(&self) -> Result<(), FileError> {
        let path = self.path();
        let mut file = lock(&self.file);
        if let Some(aside) = &file.in_the_way {
            match file::set_aside(&path, &self.directory.join(aside)) {
                Err(error) if !file::is_absence(&error.source) => return Err(error),
                _ => file.in_the_way = None,
            }
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
        self.written.fetch_max(generation + 1, Ordering::Relaxed);
        Ok(())
    }

    fn sync(&self) -> Result<(), FileError> {
        let written = lock(&self.file).generation;
        if self.synced.load(Ordering::Relaxed) < written {
            // Of what is written meanwhile it may sync more, and never less.
            file::sync(&self.path())?;
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

/// What a start finds.
struct Found {
    saved: Saved,
    lost: Option<Lost>,
    in_the_way: Option<String>,
}

fn find(directory: &Path) -> Found {
    sweep(directory);
    let path = directory.join(FILE);
    let reason = match read_patiently(&path) {
        Ok(saved) => {
            return Found {
                saved,
                lost: None,
                in_the_way: None,
            };
        }
        Err(reason) => reason,
    };
    let aside = match reason {
        LostReason::Newer(version) => format!("{FILE}.version-{version}"),
        LostReason::Unreadable(_) | LostReason::Damaged(_) => BROKEN.to_owned(),
    };
    let kept = file::set_aside(&path, &directory.join(&aside)).ok();
    Found {
        saved: Saved::default(),
        in_the_way: kept.is_none().then_some(aside),
        lost: Some(Lost { path, reason, kept }),
    }
}

/// What is in the file.
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
    let read: lenient::Understood<Memory> =
        lenient::read(&Value::Object(document)).ok_or_else(|| {
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
