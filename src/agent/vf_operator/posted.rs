//! The directory with what was posted: one file each, whose name says what and who.

use super::refusal::Refusal;
use anyhow::Context;
use sriovd_host::file::{self, FileError};
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use tokio::task::spawn_blocking;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Resource,
    Attachment,
}

const SUFFIX: &str = ".toml";

/// Before the number of a resource. Of two for one PF the one that is read last holds, and what earlier versions wrote
/// without a number, behind a hyphen, comes before all of these.
const NUMBERED: &str = "resource.";

impl Kind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Resource => "resource-",
            Self::Attachment => "network-",
        }
    }

    /// What it is to those who ask for it.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Resource => "resource",
            Self::Attachment => "network attachment",
        }
    }

    /// The name in that of a file, and when it was posted among the others.
    fn parse(self, file: &str) -> Option<(u64, &str)> {
        let file = file.strip_suffix(SUFFIX)?;
        if let Some(name) = file.strip_prefix(self.prefix()) {
            return Some((0, name));
        }
        let (number, name) = file.strip_prefix(NUMBERED)?.split_once('.')?;
        let number = number.parse().ok()?;
        (self == Self::Resource).then_some((number, name))
    }
}

/// One file.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) path: PathBuf,
    /// When it was posted among the others.
    number: u64,
    /// An error where it cannot be read: it is there all the same.
    text: Result<String, Refusal>,
}

impl Entry {
    pub(super) fn text(&self) -> Result<&str, Refusal> {
        self.text.as_deref().map_err(Clone::clone)
    }
}

/// All of one kind, by name.
pub(super) type Entries = BTreeMap<String, Entry>;

/// Names are those that policies and networks may have, which are no paths.
#[derive(Debug, Clone)]
pub(super) struct Posted {
    directory: PathBuf,
}

impl Posted {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Whether it is one of these files.
    pub(super) fn holds(&self, file: &Path) -> bool {
        file.parent() == Some(&self.directory)
    }

    /// Where a new one goes that is stronger than those that are there.
    pub(super) fn new_path(&self, kind: Kind, name: &str, entries: &Entries) -> PathBuf {
        let prefix = kind.prefix();
        self.directory.join(match kind {
            Kind::Attachment => format!("{prefix}{name}{SUFFIX}"),
            Kind::Resource => {
                let last = entries.values().map(|entry| entry.number).max();
                let number = last.unwrap_or_default().saturating_add(1);
                format!("{NUMBERED}{number:010}.{name}{SUFFIX}")
            }
        })
    }

    pub(super) async fn all(&self, kind: Kind) -> Result<Entries, Refusal> {
        let directory = self.directory.clone();
        blocking(move || {
            let unreadable = || format!("cannot read {}", directory.display());
            let entries = match fs::read_dir(&directory) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Entries::new()),
                entries => entries.with_context(unreadable)?,
            };
            let mut found = Entries::new();
            for entry in entries {
                let path = entry.with_context(unreadable)?.path();
                let file = path.file_name().and_then(|name| name.to_str());
                let Some((number, name)) = file.and_then(|file| kind.parse(file)) else {
                    continue;
                };
                let text = match fs::read_to_string(&path) {
                    // It has just gone.
                    Err(error) if error.kind() == ErrorKind::NotFound => continue,
                    text => text.with_context(|| format!("cannot read {}", path.display())),
                };
                let name = name.to_owned();
                let text = text.map_err(|error| Refusal::internal(&error));
                found.insert(name, Entry { path, number, text });
            }
            Ok(found)
        })
        .await
    }

    pub(super) async fn put(&self, path: PathBuf, text: String) -> Result<(), Refusal> {
        let directory = self.directory.clone();
        blocking(move || {
            let put = || -> Result<(), FileError> {
                file::create_directories(&directory)?;
                file::replace(&path, &text)?;
                file::sync_directory(&directory)
            };
            put().context("nothing was changed")
        })
        .await
    }

    pub(super) async fn remove(&self, path: PathBuf) -> Result<(), Refusal> {
        let directory = self.directory.clone();
        blocking(move || match fs::remove_file(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error).with_context(|| format!("cannot remove {}", path.display())),
            Ok(()) => Ok(file::sync_directory(&directory)?),
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> Result<T, Refusal> {
    let result = spawn_blocking(work).await.map_err(anyhow::Error::from);
    result
        .and_then(|result| result)
        .map_err(|error| Refusal::internal(&error))
}
