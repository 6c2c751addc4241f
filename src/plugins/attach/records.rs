//! The records of what is allocated: a file per VF, made whole and only where there is none.
//!
//! Nothing is synced to the disk: a reboot takes all containers away, and the records with them.

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use sriovd_core::model::allocation::ALLOCATIONS;
use sriovd_core::model::{Allocation, PciAddress};
use sriovd_host::file::{self, FileError};
use sriovd_host::linux::lock::PLUGIN_STATE;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// The last record of a VF that is not allocated: who had it is given it again.
const RELEASED: &str = "released";
/// Records that are not understood, of VFs that are gone.
const SET_ASIDE: &str = "set-aside";

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
    /// Cut short when the machine went down, or another version's: the VF is in use.
    NotUnderstood,
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

    /// Those that are understood, in order of their VFs' addresses.
    pub(super) fn all(&self) -> Result<Vec<Allocation>, FileError> {
        let mut vfs = self.vfs()?;
        vfs.sort_unstable();
        let mut all = Vec::with_capacity(vfs.len());
        for vf in vfs {
            match self.read(vf)? {
                Record::Of(allocation) => all.push(*allocation),
                Record::None | Record::NotUnderstood => {}
            }
        }
        Ok(all)
    }

    /// The VFs that have a record, understood or not.
    pub(super) fn vfs(&self) -> Result<Vec<PciAddress>, FileError> {
        let list = || -> io::Result<Vec<PciAddress>> {
            let mut vfs = Vec::new();
            file::access(&self.directory)?;
            for entry in fs::read_dir(&self.directory)? {
                let name = entry?.file_name();
                vfs.extend(
                    name.to_str()
                        .and_then(|name| name.parse::<PciAddress>().ok()),
                );
            }
            Ok(vfs)
        };
        match list() {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            listed => listed.map_err(FileError::new("list", &self.directory)),
        }
    }

    pub(super) fn read(&self, vf: PciAddress) -> Result<Record, FileError> {
        read(&self.path(vf))
    }

    /// The last one of a VF that is not allocated now. Only who is given which VF first hangs on it.
    pub(super) fn last(&self, vf: PciAddress) -> Option<Allocation> {
        match read(&self.directory.join(RELEASED).join(vf.to_string())) {
            Ok(Record::Of(allocation)) => Some(*allocation),
            Ok(Record::None | Record::NotUnderstood) | Err(_) => None,
        }
    }

    /// For a VF that is gone, and with it whatever the record says of it.
    pub(super) fn set_aside(&self, vf: PciAddress) -> Result<(), FileError> {
        let directory = self.directory.join(SET_ASIDE);
        file::create_directories(&directory)?;
        file::set_aside(&self.path(vf), &directory.join(vf.to_string())).map(drop)
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
        let written = allocation.write().map_err(io::Error::from);
        let written = written.and_then(|text| {
            file::access(&new)?;
            fs::write(&new, text)
        });
        let written = written.map_err(FileError::new("write", &new));
        let made = written.and_then(|()| {
            let moved = renameat_with(CWD, &new, CWD, &path, RenameFlags::NOREPLACE);
            match moved {
                Ok(()) => Ok(true),
                Err(Errno::EXIST) => Ok(false),
                Err(errno) => Err(FileError::new("create", &path)(errno.into())),
            }
        });
        if !matches!(made, Ok(true)) {
            remove_if_there(&new)?;
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
        let moved = file::access(&path).and_then(|()| fs::rename(&path, released));
        moved.or_else(|_| self.remove(allocation.address))
    }

    pub(super) fn remove(&self, vf: PciAddress) -> Result<(), FileError> {
        remove_if_there(&self.path(vf))
    }

    /// The same in the form of the SR-IOV CNI plugin, which then leaves the VF alone.
    fn tell_plugin(&self, allocation: &Allocation) -> Result<(), FileError> {
        let path = self.plugin.join(allocation.address.to_string());
        let namespace = allocation.container.namespace.as_os_str();
        file::replace_unsynced(&path, &namespace.to_string_lossy())
    }

    fn untell_plugin(&self, allocation: &Allocation) -> Result<(), FileError> {
        let path = self.plugin.join(allocation.address.to_string());
        let namespace = allocation.container.namespace.as_os_str();
        match file::access(&path).and_then(|()| fs::read(&path)) {
            Ok(text) if text == namespace.as_encoded_bytes() => {}
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(FileError::new("read", &path)(error)),
        }
        remove_if_there(&path)
    }
}

fn read(path: &Path) -> Result<Record, FileError> {
    let text = match file::access(path).and_then(|()| fs::read(path)) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Record::None),
        Err(error) => return Err(FileError::new("read", path)(error)),
    };
    let allocation = std::str::from_utf8(&text).ok().and_then(Allocation::parse);
    Ok(allocation.map_or(Record::NotUnderstood, |it| Record::Of(Box::new(it))))
}

pub(super) fn remove_if_there(path: &Path) -> Result<(), FileError> {
    match file::access(path).and_then(|()| fs::remove_file(path)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(FileError::new("remove", path)),
    }
}

#[cfg(test)]
pub(in crate::attach) mod tests;
