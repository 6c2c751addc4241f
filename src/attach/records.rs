//! The records of what is lent: a file per VF, made whole and only where there is none.
//!
//! Nothing is synced to the disk: a reboot takes all containers away, and the records with them.

use crate::file::{self, FileError};
use crate::host::linux::lock::PLUGIN_STATE;
use crate::model::allocation::ALLOCATIONS;
use crate::model::{Allocation, PciAddress};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// The last record of a VF that is not lent: who had it is given it again.
const RELEASED: &str = "released";

#[derive(Debug, Clone)]
pub(super) struct Records {
    directory: PathBuf,
    /// Where the SR-IOV CNI plugin looks whether a VF is taken.
    plugin: PathBuf,
}

/// What the file of a VF holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Record {
    None,
    Of(Box<Allocation>),
    /// Cut short when the machine went down.
    Damaged,
}

impl Records {
    pub(super) fn below(root: &Path) -> Self {
        Self {
            directory: file::under(root, Path::new(ALLOCATIONS)),
            plugin: file::under(root, Path::new(PLUGIN_STATE)),
        }
    }

    fn path(&self, vf: PciAddress) -> PathBuf {
        self.directory.join(vf.to_string())
    }

    /// Those that can be read, in order of their VFs' addresses.
    pub(super) fn all(&self) -> Vec<Allocation> {
        let mut vfs = self.vfs();
        vfs.sort_unstable();
        let read = vfs.into_iter().filter_map(|vf| match self.read(vf) {
            Record::Of(allocation) => Some(*allocation),
            Record::None | Record::Damaged => None,
        });
        read.collect()
    }

    /// The VFs that have a record, readable or not.
    pub(super) fn vfs(&self) -> Vec<PciAddress> {
        let entries = fs::read_dir(&self.directory)
            .into_iter()
            .flatten()
            .flatten();
        let vf = |entry: fs::DirEntry| entry.file_name().to_str()?.parse().ok();
        entries.filter_map(vf).collect()
    }

    pub(super) fn read(&self, vf: PciAddress) -> Record {
        read(&self.path(vf))
    }

    /// The last one of a VF that is not lent now.
    pub(super) fn last(&self, vf: PciAddress) -> Option<Allocation> {
        match read(&self.directory.join(RELEASED).join(vf.to_string())) {
            Record::Of(allocation) => Some(*allocation),
            Record::None | Record::Damaged => None,
        }
    }

    /// False: somebody else was quicker.
    pub(super) fn create(&self, allocation: &Allocation) -> Result<bool, FileError> {
        file::create_directories(&self.directory.join(RELEASED))?;
        if !self.make(allocation)? {
            return Ok(false);
        }
        if let Err(error) = self.tell_plugin(allocation) {
            self.remove(allocation.address)?;
            return Err(error);
        }
        Ok(true)
    }

    /// Whole or not at all, on a full file system too.
    fn make(&self, allocation: &Allocation) -> Result<bool, FileError> {
        let path = self.path(allocation.address);
        // By the lock's holder only, so one name is enough for each VF.
        let new = self
            .directory
            .join(format!(".sriovd-{}.tmp", allocation.address));
        let text = format!("{}\n", serde_json::json!(allocation));
        let written = fs::write(&new, text).map_err(FileError::new("write", &new));
        let made = written.and_then(|()| {
            let moved = renameat_with(CWD, &new, CWD, &path, RenameFlags::NOREPLACE);
            match moved {
                Ok(()) => Ok(true),
                Err(Errno::EXIST) => Ok(false),
                Err(errno) => Err(FileError::new("create", &path)(errno.into())),
            }
        });
        if !matches!(made, Ok(true)) {
            if_there(fs::remove_file(&new)).map_err(FileError::new("remove", &new))?;
        }
        made
    }

    /// The VF is back. Its last record is kept, for who comes back to it.
    pub(super) fn release(&self, allocation: &Allocation) -> Result<(), FileError> {
        self.untell_plugin(allocation)?;
        let path = self.path(allocation.address);
        let released = self
            .directory
            .join(RELEASED)
            .join(allocation.address.to_string());
        // Who had it last is worth nothing beside a VF that stays taken: a full file system lets a
        // file go, not change its place.
        fs::rename(&path, released).or_else(|_| self.remove(allocation.address))
    }

    pub(super) fn remove(&self, vf: PciAddress) -> Result<(), FileError> {
        let path = self.path(vf);
        if_there(fs::remove_file(&path)).map_err(FileError::new("remove", &path))
    }

    /// The same in the form of the SR-IOV CNI plugin, which then leaves the VF alone.
    fn tell_plugin(&self, allocation: &Allocation) -> Result<(), FileError> {
        let path = self.plugin.join(allocation.address.to_string());
        let namespace = allocation.borrower.namespace.as_os_str();
        file::replace_unsynced(&path, &namespace.to_string_lossy())
    }

    fn untell_plugin(&self, allocation: &Allocation) -> Result<(), FileError> {
        let path = self.plugin.join(allocation.address.to_string());
        let namespace = allocation.borrower.namespace.as_os_str();
        let ours = fs::read(&path).is_ok_and(|text| text == namespace.as_encoded_bytes());
        if !ours {
            return Ok(());
        }
        if_there(fs::remove_file(&path)).map_err(FileError::new("remove", &path))
    }
}

fn read(path: &Path) -> Record {
    match fs::read(path) {
        Ok(text) => serde_json::from_slice(&text).map_or(Record::Damaged, Record::Of),
        Err(error) if error.kind() == ErrorKind::NotFound => Record::None,
        Err(_) => Record::Damaged,
    }
}

pub(super) fn if_there(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

#[cfg(test)]
pub(in crate::attach) mod tests;
