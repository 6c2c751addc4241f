//! Other network namespaces: a thread of its own goes in, the rest of the process stays out.

use super::HostError;
use super::netlink::Netlink;
use rustix::fs::{fstat, fstatfs, statfs};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::{panic, thread};

/// `NSFS_MAGIC` (include/uapi/linux/magic.h): what a namespace's file is on.
const NSFS: u64 = 0x6e73_6673;

/// A network namespace that is held open.
#[derive(Debug)]
pub struct Namespace {
    file: File,
    path: PathBuf,
}

/// What a path to a namespace leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// There is no such file.
    Nothing,
    /// A namespace with this inode.
    Namespace(u64),
    /// A file that is no namespace here: another mount namespace may show one.
    Other,
}

/// What a path leads to, without entering it.
pub fn look(path: &Path) -> Seen {
    // Other users' processes are hidden from the daemon.
    if path.starts_with("/proc") && !Path::new("/proc/1").exists() {
        return Seen::Other;
    }
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Seen::Nothing,
        Err(_) => return Seen::Other,
    };
    inode(&file).map_or(Seen::Other, Seen::Namespace)
}

fn inode(file: &File) -> Option<u64> {
    let is_nsfs = fstatfs(file).is_ok_and(|found| u64::try_from(found.f_type) == Ok(NSFS));
    let found = fstat(file).ok().filter(|_| is_nsfs)?;
    Some(found.st_ino)
}

impl Namespace {
    /// Holds the namespace at this path open. A file that is no namespace is an error.
    pub fn open(path: &Path) -> Result<Self, HostError> {
        let kernel = |error: io::Error| HostError::Kernel {
            what: format!("opening network namespace {}", path.display()),
            errno: error.into(),
            detail: None,
        };
        // Not a pipe, which would wait for a writer.
        let on = statfs(path).map_err(|error| kernel(error.into()))?;
        if u64::try_from(on.f_type) != Ok(NSFS) {
            return Err(HostError::Unreadable {
                what: path.display().to_string(),
                found: "a file that is not a network namespace".to_owned(),
            });
        }
        let file = File::open(path).map_err(kernel)?;
        Ok(Self {
            file,
            path: path.to_owned(),
        })
    }

    /// The one that this process is in.
    pub fn own() -> Result<Self, HostError> {
        Self::open(Path::new("/proc/self/ns/net"))
    }

    /// The inode, which no other namespace has while this one is open. `None`: it cannot be read.
    pub fn inode(&self) -> Option<u64> {
        inode(&self.file)
    }

    /// Does some work inside, with a socket that was opened there.
    pub fn within<T: Send>(
        &self,
        work: impl FnOnce(&mut Netlink) -> Result<T, HostError> + Send,
    ) -> Result<T, HostError> {
        let inside = || {
            let network = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(self.as_fd(), network).map_err(|error| {
                HostError::Kernel {
                    what: format!("entering network namespace {}", self.path.display()),
                    errno: io::Error::from(error).into(),
                    detail: None,
                }
            })?;
            let mut netlink =
                Netlink::open().map_err(|error| error.while_doing("opening netlink".to_owned()))?;
            work(&mut netlink)
        };
        thread::scope(|scope| scope.spawn(inside).join())
            .unwrap_or_else(|panicked| panic::resume_unwind(panicked))
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

#[cfg(test)]
mod tests;
