//! Which files a policy directory has.

use super::SOURCES;
use super::read::{Tree, Trust, distrust};
use rustix::fs::{Dir, OFlags, fstat};
use rustix::io::Errno;
use sriovd_core::model::SourceName;
use sriovd_core::policy::diagnostic::Diagnostic;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

pub(super) struct Entries {
    pub(super) names: BTreeSet<OsString>,
    pub(super) warning: Option<Diagnostic>,
}

/// Why there is no listing.
pub(super) enum Closed {
    Unread(Box<Diagnostic>),
    Distrusted(Box<Diagnostic>),
}

/// A directory that is not there is empty; one that cannot be read or trusted is an error.
pub(super) fn list(
    tree: &Tree,
    path: &Path,
    trust: Trust,
    is_wanted: fn(&OsStr) -> bool,
) -> Result<Entries, Closed> {
    let unreadable = |error: Errno| {
        let message = format!("this directory cannot be read: {error}");
        Closed::Unread(Box::new(Diagnostic::error(path, message)))
    };
    let mut listing = Entries {
        names: BTreeSet::new(),
        warning: None,
    };
    let fd = match tree.open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK) {
        Ok(fd) => fd,
        Err(Errno::NOENT) => return Ok(listing),
        Err(error) => return Err(unreadable(error)),
    };
    let stat = fstat(&fd).map_err(unreadable)?;
    match (distrust(path, "this directory", &stat, trust), trust) {
        (Some(diagnostic), Trust::Enforce) => return Err(Closed::Distrusted(Box::new(diagnostic))),
        (diagnostic, _) => listing.warning = diagnostic,
    }
    for entry in Dir::read_from(&fd).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if is_wanted(name) {
            listing.names.insert(name.to_owned());
        }
    }
    Ok(listing)
}

/// Not what editors, package managers and backups leave beside it.
pub(super) fn is_policy_file(name: &OsStr) -> bool {
    let name = name.as_bytes();
    name.ends_with(b".toml") && !name.starts_with(b".")
}

const SUFFIX: &str = ".json";

/// That of the source that gives way to all others.
pub(super) const WEAKEST_FILE: &str = "vf-operator.json";

/// The source that a file of this name is of.
pub(super) fn source_name(file: &OsStr) -> Option<SourceName> {
    file.to_str()?.strip_suffix(SUFFIX)?.parse().ok()
}

pub(super) fn is_source_file(name: &OsStr) -> bool {
    source_name(name).is_some()
}

pub(super) fn is_source(path: &Path) -> bool {
    path.parent().and_then(Path::file_name) == Some(SOURCES.as_ref())
        && path.file_name().is_some_and(is_source_file)
}
