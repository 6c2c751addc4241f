//! The verbs on attribute files: read, write, list, link. Every path is under one root.
//!
//! Only what the kernel says is not there is gone. Any other error is an error.

use super::HostError;
use crate::file::apart::Apart;
use crate::file::{self, FileError};
use sriovd_core::model::{Errno, PciAddress};
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

/// The files below a root directory, `/` on a real host.
#[derive(Debug, Clone)]
pub struct Tree {
    root: PathBuf,
    apart: Apart,
    #[cfg(any(test, feature = "testing"))]
    faults: faults::Faults,
}

impl Tree {
    /// Files below `root`.
    pub fn new(root: PathBuf) -> Self {
        Self::with_apart(root, Apart::default())
    }

    /// The same, where others use `apart` for work below `root` too.
    pub fn with_apart(root: PathBuf, apart: Apart) -> Self {
        Self {
            root,
            apart,
            #[cfg(any(test, feature = "testing"))]
            faults: faults::Faults::default(),
        }
    }

    /// Where `path` is below the root, whether it was written absolute or not.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Whether something is there, behind a link too.
    pub fn exists(&self, path: impl AsRef<Path>) -> Result<bool, HostError> {
        let path = self.path(path);
        let found = self.access(&path).and_then(|()| std::fs::metadata(&path));
        match found.map_err(|error| self.not_opened(&error, "looking at", &path)) {
            Ok(_) => Ok(true),
            Err(HostError::Gone { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether something of that name is there, a link that leads nowhere too.
    pub fn has_entry(&self, path: impl AsRef<Path>) -> Result<bool, HostError> {
        self.stands(&self.path(path))
    }

    /// The text of a file without the newline at its end.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<String, HostError> {
        let bytes = self.read_bytes(&path)?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| unreadable(&self.path(path), &String::from_utf8_lossy(&bytes)))?;
        Ok(text.trim_end().to_owned())
    }

    /// The bytes of a file, which is read as an attribute is: a page at a time, until one comes short.
    pub fn read_bytes(&self, path: impl AsRef<Path>) -> Result<Vec<u8>, HostError> {
        let path = self.path(path);
        let opened = self.access(&path).and_then(|()| File::open(&path));
        let mut file = opened.map_err(|error| self.not_opened(&error, "reading", &path))?;
        let mut bytes = Vec::new();
        let mut page = [0; 4096];
        loop {
            let count = self
                .access(&path)
                .and_then(|()| file.read(&mut page))
                .map_err(|error| self.not_read(&error, "reading", &path))?;
            bytes.extend_from_slice(&page[..count]);
            // An attribute comes whole, and there are thousands: do not ask again for its end.
            if count < page.len() {
                break;
            }
        }
        Ok(bytes)
    }

    /// The text of a file, parsed; an error that shows the text where it does not have the form.
    pub fn read_as<T: FromStr>(&self, path: impl AsRef<Path>) -> Result<T, HostError> {
        let text = self.read(&path)?;
        text.parse()
            .map_err(|_| unreadable(&self.path(path), &text))
    }

    /// For reading.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<File, HostError> {
        let path = self.path(path);
        let opened = self.access(&path).and_then(|()| File::open(&path));
        opened.map_err(|error| self.not_opened(&error, "opening", &path))
    }

    /// One `write(2)`: an attribute takes its value whole or not at all.
    pub fn write(&self, path: impl AsRef<Path>, value: &str) -> Result<(), HostError> {
        let path = self.path(path);
        let doing = format!("writing {value:?} to");
        let opened = self
            .access(&path)
            .and_then(|()| OpenOptions::new().write(true).open(&path));
        let mut file = opened.map_err(|error| match Errno::from_io_error(&error) {
            Some(Errno::NOENT | Errno::NOTDIR) => gone(&path),
            _ => not_written(&error, &doing, &path),
        })?;
        match self
            .access(&path)
            .and_then(|()| file.write(value.as_bytes()))
        {
            Ok(written) if written == value.len() => Ok(()),
            Ok(written) => Err(HostError::NoEffect {
                what: format!("{doing} {}", path.display()),
                found: format!("it took {written} of {} bytes", value.len()),
            }),
            Err(error) => Err(not_written(&error, &doing, &path)),
        }
    }

    /// The names in a directory, in no particular order.
    pub fn list(&self, directory: impl AsRef<Path>) -> Result<Vec<OsString>, HostError> {
        let directory = self.path(directory);
        self.access(&directory)
            .and_then(|()| std::fs::read_dir(&directory))
            .and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect())
            .map_err(|error| self.not_opened(&error, "listing", &directory))
    }

    /// What a link says.
    pub fn points_to(&self, path: impl AsRef<Path>) -> Result<PathBuf, HostError> {
        let path = self.path(path);
        self.access(&path)
            .and_then(|()| std::fs::read_link(&path))
            .map_err(|error| self.not_opened(&error, "following", &path))
    }

    /// Where a link points to, if the directory that it is in is no link itself.
    pub fn target(&self, path: impl AsRef<Path>) -> Result<PathBuf, HostError> {
        let target = self.points_to(&path)?;
        let mut place = path.as_ref().parent().unwrap_or(Path::new("")).to_owned();
        for part in target.components() {
            match part {
                Component::ParentDir => drop(place.pop()),
                part => place.push(part),
            }
        }
        Ok(place)
    }

    /// The last component of what a link points to.
    pub fn link(&self, path: impl AsRef<Path>) -> Result<OsString, HostError> {
        let target = self.points_to(&path)?;
        let name = target.file_name().map(OsString::from);
        name.ok_or_else(|| unreadable(&self.path(path), &target.to_string_lossy()))
    }

    /// The last component of what a link points to, parsed.
    pub fn link_as<T: FromStr>(&self, path: impl AsRef<Path>) -> Result<T, HostError> {
        let name = self.link(&path)?;
        let name = name.to_string_lossy();
        name.parse()
            .map_err(|_| unreadable(&self.path(path), &name))
    }

    fn not_opened(&self, error: &io::Error, doing: &str, path: &Path) -> HostError {
        match Errno::from_io_error(error) {
            Some(Errno::NOENT | Errno::NOTDIR) => gone(path),
            _ => self.not_read(error, doing, path),
        }
    }

    /// A driver that is there can answer ENODEV too: only a file that went is gone.
    fn not_read(&self, error: &io::Error, doing: &str, path: &Path) -> HostError {
        match Errno::from_io_error(error).unwrap_or(Errno::IO) {
            // What cannot be looked up is not gone.
            Errno::NODEV if matches!(self.stands(path), Ok(false)) => gone(path),
            errno => unread(errno, doing, path),
        }
    }

    /// `path` is that of the file itself.
    fn stands(&self, path: &Path) -> Result<bool, HostError> {
        let found = self
            .access(path)
            .and_then(|()| std::fs::symlink_metadata(path));
        match found.as_ref().map_err(Errno::from_io_error) {
            Ok(_) => Ok(true),
            Err(Some(Errno::NOENT | Errno::NOTDIR)) => Ok(false),
            Err(errno) => Err(unread(errno.unwrap_or(Errno::IO), "looking at", path)),
        }
    }

    /// The accesses that tests let fail.
    #[cfg(any(test, feature = "testing"))]
    pub fn faults(&self) -> &faults::Faults {
        &self.faults
    }

    /// Work on the files in a directory that may be on any file system, on that of a server too: unlike the kernel's own,
    /// it may not answer, which is an error then. Work for one PF does not wait for that for another.
    pub(super) fn apart<T: Send + 'static>(
        &self,
        directory: &str,
        pf: PciAddress,
        work: impl FnOnce(&Self) -> Result<T, HostError> + Send + 'static,
    ) -> Result<T, HostError> {
        let tree = self.clone();
        let place = self.path(directory).join(pf.to_string());
        let done = self.apart.run(&place, move || work(&tree));
        done.unwrap_or_else(|FileError { source, .. }| match source.kind() {
            io::ErrorKind::TimedOut => Err(HostError::Unanswered {
                directory: directory.to_owned(),
            }),
            // There is no thread for it.
            _ => Err(self.not_read(&source, "reading", &self.path(directory))),
        })
    }

    /// Before each access. Tests let some of them fail.
    pub(super) fn access(&self, path: &Path) -> io::Result<()> {
        #[cfg(any(test, feature = "testing"))]
        self.faults.strike(path)?;
        file::access(path)
    }
}

/// What is gone, or was never there, is `None`.
pub fn if_present<T>(result: Result<T, HostError>) -> Result<Option<T>, HostError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(HostError::Gone { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// With the file open, ENOENT and the like are answers of a driver that is there. Only ENODEV says
/// that the device was removed meanwhile.
fn not_written(error: &io::Error, doing: &str, path: &Path) -> HostError {
    match Errno::from_io_error(error).unwrap_or(Errno::IO) {
        Errno::NODEV => gone(path),
        errno @ (Errno::MFILE | Errno::NFILE) => HostError::NoDescriptor { errno },
        errno => HostError::Kernel {
            what: format!("{doing} {}", path.display()),
            errno,
            detail: None,
        },
    }
}

fn unread(errno: Errno, doing: &str, path: &Path) -> HostError {
    match errno {
        Errno::MFILE | Errno::NFILE => HostError::NoDescriptor { errno },
        errno => HostError::Unread {
            what: format!("{doing} {}", path.display()),
            errno,
        },
    }
}

fn gone(path: &Path) -> HostError {
    HostError::Gone {
        what: path.display().to_string(),
    }
}

fn unreadable(path: &Path, found: &str) -> HostError {
    HostError::Unreadable {
        what: path.display().to_string(),
        found: found.chars().take(80).collect(),
    }
}

#[cfg(any(test, feature = "testing"))]
pub mod faults;
#[cfg(test)]
mod tests;
