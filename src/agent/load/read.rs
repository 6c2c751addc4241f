//! Reads a file that configures a privileged program: never blocks, never reads without end,
//! and looks at who could have written it.

use rustix::fs::{
    CWD, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, openat, openat2, readlinkat,
};
use rustix::io::Errno;
use sriovd_core::policy::diagnostic::{Diagnostic, SourceText};
use sriovd_host::file;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Larger files are not what was meant.
const SIZE_LIMIT: u64 = 1 << 20;

/// What to do with a file or directory that somebody other than root could have written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// It is not read: an error.
    Enforce,
    /// It is read with a warning.
    WarnOnly,
}

#[derive(Debug)]
pub(crate) enum Content {
    Text {
        text: String,
        warnings: Vec<Diagnostic>,
    },
    /// Empty, or `/dev/null`.
    Masked,
    Gone,
    /// The kernel gave an error for its content: later it may give the content.
    Unread(Diagnostic),
    Broken(Diagnostic),
    Refused(Diagnostic),
}

/// The files under a root; symbolic links stay within it.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    /// `None` is the host's own root.
    root: Option<(PathBuf, Arc<OwnedFd>)>,
}

impl Tree {
    pub(crate) fn host() -> Self {
        Self { root: None }
    }

    pub(crate) fn under(root: &Path) -> io::Result<Self> {
        if root == Path::new("/") {
            return Ok(Self::host());
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = openat(CWD, root, flags, Mode::empty())?;
        Ok(Self {
            root: Some((root.to_owned(), Arc::new(fd))),
        })
    }

    /// Where an absolute path is, seen from the host.
    pub(crate) fn path(&self, path: &Path) -> PathBuf {
        match &self.root {
            Some((root, _)) => root.join(path.strip_prefix("/").unwrap_or(path)),
            None => path.to_owned(),
        }
    }

    /// `path` is as `Tree::path` gives it.
    pub(super) fn open(&self, path: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let flags = flags | OFlags::CLOEXEC;
        file::access(path).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        match &self.root {
            Some((root, fd)) => {
                let path = path.strip_prefix(root).unwrap_or(path);
                openat2(fd, path, flags, Mode::empty(), ResolveFlags::IN_ROOT)
            }
            None => openat(CWD, path, flags, Mode::empty()),
        }
    }
}

pub(crate) fn read(tree: &Tree, path: &Path, trust: Trust) -> Content {
    let broken = |message: String| Content::Broken(Diagnostic::error(path, message));
    let unreadable = |error: Errno| unread(path, &error);

    let entry = match tree.open(path, OFlags::PATH | OFlags::NOFOLLOW) {
        Ok(entry) => entry,
        Err(Errno::NOENT) => return Content::Gone,
        Err(error) => return unreadable(error),
    };
    // By its text, because a root that is not the host's need not have a /dev/null.
    let target = readlinkat(&entry, "", Vec::new()).unwrap_or_default();
    if target.as_bytes() == b"/dev/null" {
        return Content::Masked;
    }
    // To open a device or a FIFO can have effects: look before.
    let looked_at = tree.open(path, OFlags::PATH).and_then(fstat);
    let stat = match looked_at {
        Ok(stat) => stat,
        Err(Errno::NOENT) => {
            let target = target.to_string_lossy();
            return broken(format!(
                "a symbolic link to {target:?}, where there is nothing"
            ));
        }
        Err(error) => return unreadable(error),
    };
    if let Some(what) = unsuitable(&stat) {
        return Content::Broken(Diagnostic::error(path, what).expecting("a regular file"));
    }
    match tree.open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY) {
        Ok(fd) => read_open(path, fd, trust),
        Err(error) => unreadable(error),
    }
}

fn unread(path: &Path, error: &dyn std::fmt::Display) -> Content {
    let message = format!("this file cannot be read: {error}");
    Content::Unread(Diagnostic::error(path, message))
}

fn read_open(path: &Path, fd: OwnedFd, trust: Trust) -> Content {
    let stat = match fstat(&fd) {
        Ok(stat) => stat,
        Err(error) => return unread(path, &error),
    };
    let mut warnings = Vec::new();
    match (distrust(path, "this file", &stat, trust), trust) {
        (Some(diagnostic), Trust::Enforce) => return Content::Refused(diagnostic),
        (diagnostic, _) => warnings.extend(diagnostic),
    }
    let mut bytes = Vec::new();
    if let Err(error) = File::from(fd).take(SIZE_LIMIT + 1).read_to_end(&mut bytes) {
        return unread(path, &error);
    }
    if bytes.len() as u64 > SIZE_LIMIT {
        let size = u64::try_from(stat.st_size)
            .unwrap_or_default()
            .max(SIZE_LIMIT + 1);
        let diagnostic = Diagnostic::error(path, format!("this file is too large: {size} bytes"));
        return Content::Broken(diagnostic.expecting(format!("at most {SIZE_LIMIT}")));
    }
    match String::from_utf8(bytes) {
        Ok(text) if text.is_empty() => Content::Masked,
        Ok(text) => Content::Text { text, warnings },
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let byte = error.as_bytes()[at];
            // Up to `at` the text keeps its bytes, so that the place is right.
            let text = String::from_utf8_lossy(error.as_bytes());
            let excerpt = SourceText::new(&text).excerpt(&(at..at));
            let message = format!("byte 0x{byte:02x} is not UTF-8 text");
            Content::Broken(Diagnostic::error(path, message).at(&excerpt))
        }
    }
}

/// What it is, if not a file that can be read.
fn unsuitable(stat: &Stat) -> Option<&'static str> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => None,
        FileType::Directory => Some("this is a directory"),
        FileType::Fifo => Some("this is a FIFO"),
        FileType::Socket => Some("this is a socket"),
        FileType::BlockDevice | FileType::CharacterDevice => Some("this is a device"),
        FileType::Symlink | FileType::Unknown => Some("this is no file"),
    }
}

/// What to say if somebody other than root, and than ourselves, could have written it.
pub(super) fn distrust(path: &Path, what: &str, stat: &Stat, trust: Trust) -> Option<Diagnostic> {
    let us = rustix::process::geteuid().as_raw();
    let (reason, remedy) = writable_by(stat.st_uid, stat.st_mode & 0o7777, us)?;
    let diagnostic = match trust {
        Trust::Enforce => Diagnostic::error(path, format!("{what} is refused: {reason}")),
        Trust::WarnOnly => {
            Diagnostic::warning(path, format!("the daemon refuses {what}: {reason}"))
        }
    };
    Some(diagnostic.suggesting(format!("{remedy} {}", path.display())))
}

/// Who else can write it, and the command against it.
pub(super) fn writable_by(owner: u32, mode: u32, us: u32) -> Option<(String, &'static str)> {
    if owner != 0 && owner != us {
        Some((format!("it belongs to uid {owner}"), "chown root"))
    } else if mode & 0o002 != 0 {
        let reason = format!("everybody may write to it (mode {mode:04o})");
        Some((reason, "chmod go-w"))
    } else if mode & 0o020 != 0 {
        let reason = format!("its group may write to it (mode {mode:04o})");
        Some((reason, "chmod g-w"))
    } else {
        None
    }
}
