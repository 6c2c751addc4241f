//! What becomes of the device plugin's unit, by its file and by what it was started for.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Which file it is: every one that we write is another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp(String);

/// What the unit runs for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Served {
    /// Nobody has looked since the boot.
    Unknown,
    /// There is no file: it is not to run.
    Nothing,
    File(Stamp),
}

/// The unit as systemd shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) is_loaded: bool,
    /// It runs, or would run again by itself, or has failed.
    pub(super) is_up: bool,
    pub(super) is_enabled: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Nothing,
    Stop,
    Restart,
}

/// `now`: the file that is there. A unit that somebody else has stopped stays so.
pub(super) fn decide(before: &Served, now: Option<Stamp>, unit: Unit) -> (Verb, Served) {
    let Some(now) = now else {
        return match (unit.is_up, before) {
            (true, _) => (Verb::Stop, Served::Nothing),
            (false, Served::Nothing) => (Verb::Nothing, Served::Nothing),
            // It has ended for want of a file, or will be started by the boot.
            (false, _) if unit.is_enabled => (Verb::Stop, Served::Nothing),
            (false, _) => (Verb::Nothing, Served::Unknown),
        };
    };
    let starts = match before {
        Served::File(served) if *served == now => false,
        Served::File(_) => unit.is_up,
        Served::Nothing => true,
        Served::Unknown => unit.is_up || unit.is_enabled,
    };
    let verb = if starts { Verb::Restart } else { Verb::Nothing };
    (verb, Served::File(now))
}

impl Stamp {
    pub(super) fn of(file: &Path) -> io::Result<Option<Self>> {
        let found = match fs::symlink_metadata(file) {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let (inode, seconds, rest) = (found.ino(), found.mtime(), found.mtime_nsec());
        Ok(Some(Self(format!("file {inode} {seconds}.{rest:09}"))))
    }
}

impl Served {
    pub(super) fn read(path: &Path) -> Self {
        // What cannot be read is looked up anew, which costs a restart at most.
        match fs::read_to_string(path).unwrap_or_default().trim_end() {
            "nothing" => Self::Nothing,
            stamp if stamp.starts_with("file ") => Self::File(Stamp(stamp.to_owned())),
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("unknown\n"),
            Self::Nothing => f.write_str("nothing\n"),
            Self::File(Stamp(stamp)) => writeln!(f, "{stamp}"),
        }
    }
}

impl Unit {
    /// Of what `systemctl show` prints.
    pub(super) fn parse(shown: &str) -> Self {
        let value = |key: &str| {
            let mut lines = shown.lines();
            let value = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            value.unwrap_or_default()
        };
        Self {
            is_loaded: value("LoadState") == "loaded",
            is_up: !matches!(value("ActiveState"), "inactive" | ""),
            is_enabled: matches!(value("UnitFileState"), "enabled" | "enabled-runtime"),
        }
    }
}

#[cfg(test)]
mod tests;
