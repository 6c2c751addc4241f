//! The pass's memory: the state file, and beside it a mark for udev's rules on every PF that is ours.

use crate::file::{self, FileError};
use crate::model::PciAddress;
use crate::plan::OwnedPf;
use crate::reconcile::Ledger;
use crate::state::Store;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Where `90-sriovd.rules` looks: an empty file per PF whose VFs network managers leave alone.
const MARKS: &str = "/run/sriovd/managed";

#[derive(Debug, Clone)]
pub(super) struct StateLedger {
    store: Arc<Store>,
    marks: PathBuf,
    lost: Arc<AtomicBool>,
}

impl StateLedger {
    /// `lost`: the store is empty because its file could not be read.
    pub(super) fn new(store: Arc<Store>, root: &Path, lost: bool) -> Self {
        Self {
            store,
            marks: file::under(root, Path::new(MARKS)),
            lost: Arc::new(AtomicBool::new(lost)),
        }
    }

    /// Every PF has been looked at: from now on nothing is presumed.
    pub(super) fn is_complete(&self) {
        self.lost.store(false, Ordering::Relaxed);
    }

    /// As remembered: marks do not survive a reboot, what is ours does.
    pub(super) fn restore_marks(&self) -> Result<(), FileError> {
        let owned = self.store.memory().pfs.keys().copied().collect();
        self.set_marks(&owned)
            .map_err(FileError::new("write the marks in", &self.marks))
    }

    fn set_marks(&self, owned: &BTreeSet<PciAddress>) -> io::Result<()> {
        fs::create_dir_all(&self.marks)?;
        if self.is_lost() {
            return Ok(());
        }
        for entry in fs::read_dir(&self.marks)?.flatten() {
            let pf = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok());
            if !pf.is_some_and(|pf| owned.contains(&pf)) {
                fs::remove_file(entry.path())?;
            }
        }
        owned.iter().try_for_each(|pf| self.mark(*pf))
    }

    fn mark(&self, pf: PciAddress) -> io::Result<()> {
        match File::create_new(self.marks.join(pf.to_string())) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            result => result.map(drop),
        }
    }

    fn unmark(&self, pf: PciAddress) -> io::Result<()> {
        match fs::remove_file(self.marks.join(pf.to_string())) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }
}

/// Only noted, so that no step waits for the disk: a publication comes after every pass, syncs it
/// (see `Store::update`), tries again to save what the disk refused, and reports that.
impl Ledger for StateLedger {
    fn owned(&self, pf: PciAddress) -> Option<OwnedPf> {
        self.store.memory().pfs.get(&pf).cloned()
    }

    fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    fn set_owned(&self, pf: PciAddress, owned: Option<OwnedPf>) {
        let marked = if owned.is_some() {
            self.mark(pf)
        } else {
            self.unmark(pf)
        };
        // Without its mark a PF is configured all the same; a network manager may take its VFs up.
        drop(marked);
        drop(self.store.note(|memory| match owned {
            Some(owned) => drop(memory.pfs.insert(pf, owned)),
            None => drop(memory.pfs.remove(&pf)),
        }));
    }
}
