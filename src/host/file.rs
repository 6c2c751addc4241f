//! Files that are whole or not there: written beside their place, then moved into it.
#![warn(missing_docs)]

pub mod apart;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use std::fs::{self, DirBuilder, File, FileType, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

const FILE_MODE: u32 = 0o644;
const DIRECTORY_MODE: u32 = 0o755;

/// A file operation that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} {}", path.display())]
pub struct FileError {
    /// The operation, as after "cannot": "write", "sync" and so on.
    pub doing: &'static str,
    /// The file or directory.
    pub path: PathBuf,
    /// The system's answer.
    pub source: io::Error,
}

impl FileError {
    /// The error of what was being done, to what.
    pub fn new<'a>(
        doing: &'static str,
        path: &'a Path,
    ) -> impl FnOnce(io::Error) -> Self + use<'a> {
        move |source| Self {
            doing,
            path: path.to_owned(),
            source,
        }
    }
}

/// A path of the host below the root directory that the program was given.
pub fn under(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// Replaces what is at the path. Lasting after `sync_directory` on the directory.
pub fn replace(path: &Path, text: &str) -> Result<(), FileError> {
    replace_by(path, text, File::sync_all)
}

/// Replaces what is at the path, whole for every reader, and whole after a crash of the program.
/// A host that loses its power may find it empty until `sync` was called.
pub fn replace_unsynced(path: &Path, text: &str) -> Result<(), FileError> {
    replace_by(path, text, |_| Ok(()))
}

/// Makes a file that was moved into its place last.
pub fn sync(path: &Path) -> Result<(), FileError> {
    let sync = access(path).and_then(|()| File::open(path)?.sync_all());
    sync.map_err(FileError::new("sync", path))?;
    path.parent().map_or(Ok(()), sync_directory)
}

fn replace_by(
    path: &Path,
    text: &str,
    sync: impl FnOnce(&File) -> io::Result<()>,
) -> Result<(), FileError> {
    let temporary = temporary_path(path);
    let result = write_new(&temporary, text, sync).and_then(|()| {
        // In the same directory: containerd and CDI readers notice only such a move.
        let moved = access(path).and_then(|()| fs::rename(&temporary, path));
        moved.map_err(FileError::new("replace", path))
    });
    if result.is_err() {
        // Best effort: what is left over is found by its name later.
        let _ = fs::remove_file(&temporary);
    }
    result
}

fn write_new(
    path: &Path,
    text: &str,
    sync: impl FnOnce(&File) -> io::Result<()>,
) -> Result<(), FileError> {
    let create = || {
        access(path)?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(FILE_MODE);
        options.open(path)
    };
    let created = create().or_else(|error| match error.kind() {
        ErrorKind::AlreadyExists => fs::remove_file(path).and_then(|()| create()),
        _ => Err(error),
    });
    let write = |mut file: File| {
        // The umask took what it wanted.
        file.set_permissions(Permissions::from_mode(FILE_MODE))?;
        access(path)?;
        file.write_all(text.as_bytes())?;
        access(path)?;
        sync(&file)
    };
    created
        .and_then(write)
        .map_err(FileError::new("write", path))
}

/// No reader of configuration takes a hidden file with this ending.
fn temporary_path(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".sriovd-{name}.tmp"))
}

/// Whether a name is that of a file that `replace` did not finish.
pub fn is_temporary(name: &str) -> bool {
    name.starts_with(".sriovd-") && name.ends_with(".tmp")
}

/// Makes what was done to names in this directory last over a loss of power.
pub fn sync_directory(path: &Path) -> Result<(), FileError> {
    let sync = access(path).and_then(|()| File::open(path)?.sync_all());
    sync.map_err(FileError::new("sync", path))
}

/// Moves what cannot be understood out of the way, beside what was moved there before: to `to`, or
/// `to.2` and so on.
pub fn set_aside(path: &Path, to: &Path) -> Result<PathBuf, FileError> {
    let mut aside = to.to_owned();
    let mut number = 1;
    loop {
        access(path).map_err(FileError::new("set aside", path))?;
        match renameat_with(CWD, path, CWD, &aside, RenameFlags::NOREPLACE) {
            Ok(()) => return Ok(aside),
            Err(Errno::EXIST) => {
                number += 1;
                let mut name = to.as_os_str().to_owned();
                name.push(format!(".{number}"));
                aside = name.into();
            }
            Err(errno) => return Err(FileError::new("set aside", path)(errno.into())),
        }
    }
}

/// What is there, behind a link too; `None` where nothing is.
pub fn kind(path: &Path) -> Result<Option<FileType>, FileError> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some(found.file_type())),
        Err(error) if is_absence(&error) => Ok(None),
        Err(error) => Err(FileError::new("look at", path)(error)),
    }
}

/// Whether an error says that a file is not there.
pub fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Creates a directory with its parents, each with mode 0755 whatever the umask is.
pub fn create_directories(path: &Path) -> Result<(), FileError> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        create_directories(parent)?;
    }
    let create = || match access(path).and_then(|()| DirBuilder::new().create(path)) {
        // Somebody else was quicker.
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
        Ok(()) => fs::set_permissions(path, Permissions::from_mode(DIRECTORY_MODE)),
    };
    create().map_err(FileError::new("create directory", path))?;
    path.parent().map_or(Ok(()), sync_directory)
}

/// Before each access to a file of our own. Tests let some of them fail.
pub fn access(_path: &Path) -> io::Result<()> {
    #[cfg(any(test, feature = "testing"))]
    faults::strike(_path)?;
    Ok(())
}

#[cfg(any(test, feature = "testing"))]
pub mod faults;
#[cfg(test)]
mod tests;
