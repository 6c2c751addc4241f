//! Puts what was rendered where its readers look, and takes away what is no longer rendered.
//!
//! In two steps, so that the caller can record what will be ours before the first byte is written:
//! after a crash in between, a file that is there is known to be ours.
#![warn(missing_docs)]

pub mod cni_directory;
pub mod parts;
pub mod plugins;

use sriovd_core::render::{cni, is_marked_ours};
use sriovd_host::file::{self, FileError, under};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What a publication did. Paths are those of the host, without the root.
#[derive(Debug, Default)]
pub struct PublishReport {
    /// Written, because the text was another.
    pub written: Vec<PathBuf>,
    /// Removed, because they are no output any more.
    pub removed: Vec<PathBuf>,
    /// As they were.
    pub unchanged: Vec<PathBuf>,
    /// Not written, each with the reason.
    pub refused: Vec<(PathBuf, Refusal)>,
    /// Not written because of an error.
    pub failed: Vec<(PathBuf, FileError)>,
    /// The files that are ours now.
    pub owned: BTreeSet<PathBuf>,
}

impl PublishReport {
    /// Whether a reader has something new to learn.
    pub fn changed(&self) -> bool {
        !self.written.is_empty() || !self.removed.is_empty()
    }

    fn extend(&mut self, other: Self) {
        let Self {
            written,
            removed,
            unchanged,
            refused,
            failed,
            owned,
        } = other;
        self.written.extend(written);
        self.removed.extend(removed);
        self.unchanged.extend(unchanged);
        self.refused.extend(refused);
        self.failed.extend(failed);
        self.owned.extend(owned);
    }
}

/// Why a file is not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The file there was not written by sriovd.
    #[error("a file that sriovd did not write is in its place")]
    Foreign,
    /// A directory, link or device is there.
    #[error("something that is not a regular file is in its place")]
    NotAFile,
}

/// What is going to be done, decided from what is on the disk.
#[derive(Debug)]
pub struct Prepared {
    root: PathBuf,
    write: BTreeMap<PathBuf, Write>,
    remove: BTreeSet<PathBuf>,
    report: PublishReport,
    recorded: BTreeSet<PathBuf>,
}

#[derive(Debug)]
struct Write {
    text: String,
    /// Something of ours is there: it stays ours when the write fails.
    replaces: bool,
}

/// Compares `files` with the disk. `owned` is the record of what we wrote; `directories` are where
/// our files can lie without a record.
pub fn prepare<'a>(
    root: &Path,
    files: BTreeMap<PathBuf, String>,
    owned: &BTreeSet<PathBuf>,
    directories: impl IntoIterator<Item = &'a Path>,
) -> Prepared {
    let mut prepared = Prepared {
        root: root.to_owned(),
        write: BTreeMap::new(),
        remove: BTreeSet::new(),
        report: PublishReport::default(),
        recorded: BTreeSet::new(),
    };
    let wanted: BTreeSet<PathBuf> = files.keys().cloned().collect();
    for (path, text) in files {
        prepared.want(&path, text, owned.contains(&path));
    }
    for path in owned.difference(&wanted) {
        prepared.drop(path);
    }
    for directory in directories {
        prepared.find_leftovers(directory, &wanted);
    }
    let planned = prepared.write.keys().chain(&prepared.remove);
    let recorded = planned.chain(&prepared.report.owned);
    prepared.recorded = recorded
        .filter(|path| !is_temporary(path))
        .cloned()
        .collect();
    prepared
}

impl Prepared {
    /// To be recorded before `commit`.
    pub fn owned(&self) -> &BTreeSet<PathBuf> {
        &self.recorded
    }

    /// Leaves these as they are on the disk. They stay ours.
    pub fn leave<'a>(&mut self, paths: impl IntoIterator<Item = &'a PathBuf>) {
        for path in paths {
            if self.write.remove(path).is_some() {
                self.report.owned.insert(path.clone());
            }
        }
    }

    /// One file that fails does not stop the others.
    pub fn commit(mut self) -> PublishReport {
        let mut touched = BTreeSet::new();
        for (path, write) in std::mem::take(&mut self.write) {
            match self.write(&path, &write.text) {
                Ok(()) => {
                    touched.extend(path.parent().map(Path::to_owned));
                    self.report.owned.insert(path.clone());
                    self.report.written.push(path);
                }
                Err(error) => {
                    if write.replaces {
                        self.report.owned.insert(path.clone());
                    }
                    self.report.failed.push((path, error));
                }
            }
        }
        for path in std::mem::take(&mut self.remove) {
            let place = under(&self.root, &path);
            let leftover = is_temporary(&path);
            match file::access(&place).and_then(|()| fs::remove_file(&place)) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    if !leftover {
                        self.report.owned.insert(path.clone());
                    }
                    let error = FileError::new("remove", &place)(error);
                    self.report.failed.push((path, error));
                }
                _ => {
                    touched.extend(path.parent().map(Path::to_owned));
                    if !leftover {
                        self.report.removed.push(path);
                    }
                }
            }
        }
        for directory in touched {
            if let Err(error) = file::sync_directory(&under(&self.root, &directory)) {
                self.report.failed.push((directory, error));
            }
        }
        self.report
    }

    fn write(&self, path: &Path, text: &str) -> Result<(), FileError> {
        let place = under(&self.root, path);
        if let Some(parent) = place.parent() {
            file::create_directories(parent)?;
        }
        file::replace(&place, text)
    }

    fn want(&mut self, path: &Path, text: String, recorded: bool) {
        let mut write = |text, replaces| {
            self.write.insert(path.to_owned(), Write { text, replaces });
        };
        match look(&self.root, path) {
            Ok(Found::Nothing) => write(text, false),
            Ok(Found::File(content)) if content == text.as_bytes() => {
                self.report.owned.insert(path.to_owned());
                self.report.unchanged.push(path.to_owned());
            }
            Ok(Found::File(content)) => {
                if recorded || is_ours_by_name(path) || is_marked_ours(&content) {
                    write(text, true);
                } else {
                    self.refuse(path, Refusal::Foreign);
                }
            }
            Ok(Found::Other) => self.refuse(path, Refusal::NotAFile),
            Err(error) => {
                if recorded {
                    self.report.owned.insert(path.to_owned());
                }
                self.report.failed.push((path.to_owned(), error));
            }
        }
    }

    /// A recorded file that is not wanted any more.
    fn drop(&mut self, path: &Path) {
        match metadata(&self.root, path) {
            Ok(Some(metadata)) if metadata.is_file() => {
                self.remove.insert(path.to_owned());
            }
            Ok(None) => {}
            // Somebody put it there in place of ours. Forgotten, so that it is said only once.
            Ok(Some(_)) => self.refuse(path, Refusal::NotAFile),
            Err(error) => {
                self.report.owned.insert(path.to_owned());
                self.report.failed.push((path.to_owned(), error));
            }
        }
    }

    /// What a crash or a lost record left behind.
    fn find_leftovers(&mut self, directory: &Path, wanted: &BTreeSet<PathBuf>) {
        let place = under(&self.root, directory);
        let entries = match file::access(&place).and_then(|()| fs::read_dir(&place)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return,
            Err(error) => {
                let error = FileError::new("list", &place)(error);
                self.report.failed.push((directory.to_owned(), error));
                return;
            }
        };
        for entry in entries {
            let found = entry.and_then(|entry| {
                let path = directory.join(entry.file_name());
                let ours = is_temporary(&path) || is_ours_by_name(&path);
                let leftover = ours && !wanted.contains(&path);
                Ok((leftover && entry.file_type()?.is_file()).then_some(path))
            });
            match found {
                Ok(leftover) => self.remove.extend(leftover),
                Err(error) => {
                    let error = FileError::new("list", &place)(error);
                    self.report.failed.push((directory.to_owned(), error));
                    return;
                }
            }
        }
    }

    fn refuse(&mut self, path: &Path, refusal: Refusal) {
        self.report.refused.push((path.to_owned(), refusal));
    }
}

enum Found {
    Nothing,
    File(Vec<u8>),
    /// A link, a directory, a pipe: never ours, and opening it could block.
    Other,
}

fn look(root: &Path, path: &Path) -> Result<Found, FileError> {
    let place = under(root, path);
    match metadata(root, path)? {
        None => Ok(Found::Nothing),
        Some(metadata) if metadata.is_file() => file::access(&place)
            .and_then(|()| fs::read(&place))
            .map(Found::File)
            .map_err(FileError::new("read", &place)),
        Some(_) => Ok(Found::Other),
    }
}

/// Of the name itself, without following a link.
fn metadata(root: &Path, path: &Path) -> Result<Option<Metadata>, FileError> {
    let place = under(root, path);
    match file::access(&place).and_then(|()| fs::symlink_metadata(&place)) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(FileError::new("look at", &place)(error)),
    }
}

fn is_ours_by_name(path: &Path) -> bool {
    file_name(path).is_some_and(cni::is_file_name)
}

fn is_temporary(path: &Path) -> bool {
    file_name(path).is_some_and(file::is_temporary)
}

fn file_name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

#[cfg(test)]
mod tests;
