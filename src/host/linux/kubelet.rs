//! The records of what kubelet has allocated: a file per VF, on disk before kubelet is answered. They outlive a reboot.

use super::lock;
use super::paths::device;
use super::records::{by_plugin, inode};
use crate::file::apart::Apart;
use crate::file::{self, FileError};
use crate::sysfs::{Tree, if_present};
use sriovd_core::host::HostError;
use sriovd_core::model::kubelet::{KUBELET, KUBELET_HOLDS};
use sriovd_core::model::{Holder, KubeletAllocation, KubeletRecord, PciAddress};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Whoever has a VF's lock may be taking the VF away, or only changing an attribute.
const PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 5 });

/// Why it was not written down that kubelet allocated a VF.
#[derive(Debug, thiserror::Error)]
pub enum NotRecorded {
    /// It may have been taken away a moment ago.
    #[error("there is no VF {0} on this host any more")]
    Gone(PciAddress),
    /// A container plugin allocated it.
    #[error("VF {vf} is not free: it is held by {by}")]
    Held {
        /// The VF.
        vf: PciAddress,
        /// Who has it.
        by: Holder,
    },
    /// It is being changed, for longer than we wait.
    #[error("VF {0} is being changed by another program")]
    Locked(PciAddress),
    /// The host could not be looked at.
    #[error(transparent)]
    Host(#[from] HostError),
    /// A record or lock could not be read or written.
    #[error("{}", words(.0))]
    File(#[from] FileError),
}

fn words(error: &FileError) -> String {
    format!("{error}: {}", error.source)
}

/// The records. One change at a time: their users see to that.
#[derive(Debug, Clone)]
pub struct KubeletRecords {
    tree: Tree,
}

impl KubeletRecords {
    /// Those of the host whose files are below `root`.
    pub fn new(root: PathBuf, apart: Apart) -> Self {
        Self {
            tree: Tree::with_apart(root, apart),
        }
    }

    /// Where they are.
    pub fn directory(&self) -> PathBuf {
        self.tree.path(KUBELET)
    }

    fn path(&self, vf: PciAddress) -> PathBuf {
        self.directory().join(vf.to_string())
    }

    /// Those that are understood, in order of their VFs' addresses.
    pub fn all(&self) -> Result<Vec<KubeletAllocation>, NotRecorded> {
        let mut all = Vec::new();
        for vf in self.vfs()? {
            all.extend(self.read(vf)?.map(|record| record.of(vf)));
        }
        Ok(all)
    }

    /// That have a record, understood or not.
    fn vfs(&self) -> Result<BTreeSet<PciAddress>, NotRecorded> {
        let names = if_present(self.tree.list(KUBELET))?.unwrap_or_default();
        let vfs = names.iter().filter_map(|name| name.to_str()?.parse().ok());
        Ok(vfs.collect())
    }

    fn read(&self, vf: PciAddress) -> Result<Option<KubeletRecord>, NotRecorded> {
        let text = if_present(self.tree.read(Path::new(KUBELET).join(vf.to_string())))?;
        Ok(text.and_then(|text| KubeletRecord::parse(&text)))
    }

    /// kubelet gives these VFs to a container: all of them, or an error and none. Nobody takes one of them away meanwhile.
    pub fn add(&self, resource: &str, vfs: &BTreeSet<PciAddress>) -> Result<(), NotRecorded> {
        file::create_directories(&self.tree.path(KUBELET_HOLDS))?;
        let (mut locks, begun) = (Vec::new(), Instant::now());
        for &vf in vfs {
            let patience = PATIENCE.saturating_sub(begun.elapsed());
            let file = lock::open_as_passes(&self.tree, vf);
            let locked = file.and_then(|file| lock::wait(file, patience));
            let locked = locked.map_err(|error| FileError::new("lock", &self.path(vf))(error))?;
            locks.push(locked.ok_or(NotRecorded::Locked(vf))?);
        }
        let known = self.vfs()?;
        for &vf in vfs {
            if !self.tree.exists(device(vf).join("physfn"))? {
                return Err(NotRecorded::Gone(vf));
            }
            // Of a pod that kubelet knows, a plugin may have the VF: for the pod.
            if !known.contains(&vf)
                && let Some(by) = by_plugin(&self.tree, vf)?
            {
                return Err(NotRecorded::Held { vf, by });
            }
        }
        let written = vfs.iter().try_for_each(|&vf| {
            let allocation = KubeletAllocation {
                vf,
                resource: resource.to_owned(),
                container: None,
            };
            self.record(&allocation, true).map(drop)
        });
        // Also where nothing is another: what was written before may not be on disk yet.
        let written = written.and_then(|()| Ok(file::sync_directory(&self.directory())?));
        if written.is_err() {
            // Best effort: the disk has just refused. What stays is removed when kubelet tells what it has.
            for &vf in vfs.difference(&known) {
                let _ = self.remove(vf);
            }
        }
        drop(locks);
        written
    }

    /// kubelet has given away these VFs and no others. A VF that was made anew is held again when `is_ready` says so.
    pub fn replace(
        &self,
        all: &BTreeMap<PciAddress, KubeletAllocation>,
        is_ready: impl Fn(PciAddress) -> bool,
    ) -> Result<(), NotRecorded> {
        file::create_directories(&self.tree.path(KUBELET_HOLDS))?;
        let known = self.vfs()?;
        let mut is_other = false;
        for (&vf, allocation) in all {
            is_other |= self.record(allocation, is_ready(vf))?;
        }
        for &vf in known.iter().filter(|vf| !all.contains_key(vf)) {
            self.remove(vf)?;
            is_other = true;
        }
        if is_other {
            file::sync_directory(&self.directory())?;
        }
        Ok(())
    }

    /// With the VF as it is there now where that is to be held. Whether anything is another than before.
    fn record(&self, allocation: &KubeletAllocation, is_held: bool) -> Result<bool, NotRecorded> {
        let vf = allocation.vf;
        let is_held_anew = is_held && self.hold(vf)?;
        let record = KubeletRecord::new(allocation);
        if !is_held_anew && self.read(vf)?.as_ref() == Some(&record) {
            return Ok(false);
        }
        // After what it holds: whoever follows the records looks when one is written.
        let path = self.path(vf);
        let text = record.write();
        let text = text.map_err(|error| FileError::new("write", &path)(error.into()))?;
        file::create_directories(&self.directory())?;
        file::replace(&path, &text)?;
        Ok(true)
    }

    /// Whether it was not held before. A VF that is not there cannot be.
    fn hold(&self, vf: PciAddress) -> Result<bool, NotRecorded> {
        let Some(inode) = inode(&self.tree, vf)? else {
            return Ok(false);
        };
        let path = Path::new(KUBELET_HOLDS).join(vf.to_string());
        if if_present(self.tree.read(&path))?.as_ref() == Some(&inode) {
            return Ok(false);
        }
        file::replace_unsynced(&self.tree.path(&path), &inode)?;
        Ok(true)
    }

    fn remove(&self, vf: PciAddress) -> Result<(), NotRecorded> {
        let hold = Path::new(KUBELET_HOLDS).join(vf.to_string());
        for path in [self.path(vf), self.tree.path(hold)] {
            let removed = file::access(&path).and_then(|()| fs::remove_file(&path));
            match removed {
                Err(error) if !file::is_absence(&error) => {
                    return Err(FileError::new("remove", &path)(error).into());
                }
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
