//! The verbs on attribute files: read, write, list, link. Every path is under one root.

use super::HostError;
use rustix::io::Errno;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

/// The files below a root directory, `/` on a real host.
#[derive(Debug, Clone)]
pub struct Tree {
    root: PathBuf,
}

impl Tree {
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Where `path` is below the root, whether it was written absolute or not.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    pub fn exists(&self, path: impl AsRef<Path>) -> bool {
        self.path(path).exists()
    }

    /// The text of a file without the newline at its end.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<String, HostError> {
        let path = self.path(path);
        let mut file = File::open(&path).map_err(|error| not_opened(&error, "reading", &path))?;
        let mut bytes = Vec::new();
        let mut page = [0; 4096];
        loop {
            let count = file
                .read(&mut page)
                .map_err(|error| failed(&error, "reading", &path))?;
            bytes.extend_from_slice(&page[..count]);
            // An attribute comes whole, and there are thousands: do not ask again for its end.
            if count < page.len() {
                break;
            }
        }
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| unreadable(&path, &String::from_utf8_lossy(&bytes)))?;
        Ok(text.trim_end().to_owned())
    }

    pub fn read_as<T: FromStr>(&self, path: impl AsRef<Path>) -> Result<T, HostError> {
        let text = self.read(&path)?;
        text.parse()
            .map_err(|_| unreadable(&self.path(path), &text))
    }

    /// One `write(2)`: an attribute takes its value whole or not at all.
    pub fn write(&self, path: impl AsRef<Path>, value: &str) -> Result<(), HostError> {
        let path = self.path(path);
        let doing = format!("writing {value:?} to");
        let mut file = OpenOptions::new()
            .write(true)
            .open(&path)
            .map_err(|error| not_opened(&error, &doing, &path))?;
        match file.write(value.as_bytes()) {
            Ok(written) if written == value.len() => Ok(()),
            Ok(written) => Err(HostError::NoEffect {
                what: format!("{doing} {}", path.display()),
                found: format!("it took {written} of {} bytes", value.len()),
            }),
            Err(error) => Err(failed(&error, &doing, &path)),
        }
    }

    /// The names in a directory, in no particular order.
    pub fn list(&self, directory: impl AsRef<Path>) -> Result<Vec<OsString>, HostError> {
        let directory = self.path(directory);
        std::fs::read_dir(&directory)
            .and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect())
            .map_err(|error| not_opened(&error, "listing", &directory))
    }

    /// Where a link points to, if the directory that it is in is no link itself.
    pub fn target(&self, path: impl AsRef<Path>) -> Result<PathBuf, HostError> {
        let target = std::fs::read_link(self.path(&path))
            .map_err(|error| not_opened(&error, "following", &self.path(&path)))?;
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
        let path = self.path(path);
        let target =
            std::fs::read_link(&path).map_err(|error| not_opened(&error, "following", &path))?;
        let name = target.file_name().map(OsString::from);
        name.ok_or_else(|| unreadable(&path, &target.to_string_lossy()))
    }

    pub fn link_as<T: FromStr>(&self, path: impl AsRef<Path>) -> Result<T, HostError> {
        let name = self.link(&path)?;
        let name = name.to_string_lossy();
        name.parse()
            .map_err(|_| unreadable(&self.path(path), &name))
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

fn not_opened(error: &io::Error, doing: &str, path: &Path) -> HostError {
    match Errno::from_io_error(error) {
        Some(Errno::NOENT | Errno::NOTDIR) => gone(path),
        _ => failed(error, doing, path),
    }
}

/// With the file open, ENOENT and the like are answers of a driver that is there. Only ENODEV says
/// that the device was removed meanwhile.
fn failed(error: &io::Error, doing: &str, path: &Path) -> HostError {
    match Errno::from_io_error(error).unwrap_or(Errno::IO) {
        Errno::NODEV => gone(path),
        errno => HostError::Kernel {
            what: format!("{doing} {}", path.display()),
            errno,
            detail: None,
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

#[cfg(test)]
mod tests;
