//! What programs put over the API: one file for each source, on disk before anybody is answered.

use sriovd_core::model::SourceName;
use sriovd_core::policy::source;
use sriovd_host::file::{self, FileError};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The directory of the sources. One change at a time: its users see to that.
#[derive(Debug, Clone)]
pub struct SourceFiles {
    directory: PathBuf,
}

impl SourceFiles {
    /// `directory` is where the policies are loaded from, too.
    pub fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    fn path(&self, source: &SourceName) -> PathBuf {
        self.directory.join(format!("{source}.json"))
    }

    /// What is kept of a source; none where there is no such source.
    pub fn text(&self, source: &SourceName) -> Result<Option<Vec<u8>>, FileError> {
        read(&self.path(source))
    }

    /// Replaces what a source wants, lastingly. False: it was the same already, and nothing is
    /// written. After an error what was there before is there.
    pub fn put(&self, source: &SourceName, text: &str) -> Result<bool, FileError> {
        let path = self.path(source);
        let before = read(&path)?;
        if before.as_deref() == Some(text.as_bytes()) {
            return Ok(false);
        }
        file::create_directories(&self.directory)?;
        // Another version may understand it.
        if let Some(before) = &before
            && source::read(source, before).is_err()
        {
            keep_beside(&path)?;
        }
        file::replace(&path, text)?;
        self.last(&path, before.as_deref())?;
        Ok(true)
    }

    /// Removes a source, lastingly. False: there is none.
    pub fn remove(&self, source: &SourceName) -> Result<bool, FileError> {
        let path = self.path(source);
        let Some(before) = read(&path)? else {
            return Ok(false);
        };
        fs::remove_file(&path).map_err(FileError::new("remove", &path))?;
        self.last(&path, Some(&before))?;
        Ok(true)
    }

    /// Makes a change last; if that fails it is taken back.
    fn last(&self, path: &Path, before: Option<&[u8]>) -> Result<(), FileError> {
        file::sync_directory(&self.directory).inspect_err(|_| {
            // Best effort: the disk has just refused.
            let _ = match before.and_then(|before| std::str::from_utf8(before).ok()) {
                Some(before) => file::replace(path, before),
                None => fs::remove_file(path).map_err(FileError::new("remove", path)),
            };
        })
    }
}

/// A second name for what will be replaced.
fn keep_beside(path: &Path) -> Result<(), FileError> {
    let mut aside = path.with_extension("json.broken");
    let mut number = 1;
    loop {
        match fs::hard_link(path, &aside) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                number += 1;
                aside = path.with_extension(format!("json.broken.{number}"));
            }
            linked => return linked.map_err(FileError::new("set aside", path)),
        }
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if file::is_absence(&error) => Ok(None),
        Err(error) => Err(FileError::new("read", path)(error)),
    }
}

#[cfg(test)]
mod tests;
