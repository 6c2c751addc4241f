//! The pass's memory: the state file, and beside it a mark for udev's rules on every PF that is ours.

use crate::state::Store;
use sriovd_core::model::{PciAddress, TakenAddresses};
use sriovd_core::plan::OwnedPf;
use sriovd_core::reconcile::Ledger;
use sriovd_host::file::{self, FileError};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Where `90-sriovd.rules` looks: an empty file per PF whose VFs network managers leave alone.
pub(super) const MARKS: &str = "/run/sriovd/managed";

/// The mark of a PF, as a path of the host.
pub(super) fn mark_of(pf: PciAddress) -> PathBuf {
    Path::new(MARKS).join(pf.to_string())
}

#[derive(Debug, Clone)]
pub(super) struct StateLedger {
    store: Arc<Store>,
    marks: PathBuf,
    lost: Arc<AtomicBool>,
    /// A mark could not be made or removed when it was time.
    has_wrong_marks: Arc<AtomicBool>,
}

impl StateLedger {
    /// `lost`: the store is empty because its file could not be read.
    pub(super) fn new(store: Arc<Store>, root: &Path, lost: bool) -> Self {
        Self {
            store,
            marks: file::under(root, Path::new(MARKS)),
            lost: Arc::new(AtomicBool::new(lost)),
            has_wrong_marks: Arc::default(),
        }
    }

    /// Every PF has been looked at: from now on nothing is presumed.
    pub(super) fn is_complete(&self) {
        self.lost.store(false, Ordering::Relaxed);
    }

    /// Whether there was an agent since the boot: its marks are on a file system that does not outlive
    /// it.
    pub(super) fn has_marks(&self) -> bool {
        self.marks.is_dir()
    }

    /// Marks are to be set again: the disk refused them.
    pub(super) fn has_wrong_marks(&self) -> bool {
        self.has_wrong_marks.load(Ordering::Relaxed)
    }

    /// As remembered: marks do not survive a reboot, what is ours does. Says which were not so.
    pub(super) fn restore_marks(&self) -> Result<BTreeSet<PathBuf>, FileError> {
        // Before they are set: one that fails meanwhile is seen to next time.
        self.has_wrong_marks.store(false, Ordering::Relaxed);
        let set = self.set_marks();
        self.has_wrong_marks
            .fetch_or(set.is_err(), Ordering::Relaxed);
        set.map_err(FileError::new("write the marks in", &self.marks))
    }

    fn set_marks(&self) -> io::Result<BTreeSet<PathBuf>> {
        file::access(&self.marks)?;
        fs::create_dir_all(&self.marks)?;
        let mut changed = BTreeSet::new();
        if self.lost.load(Ordering::Relaxed) {
            return Ok(changed);
        }
        file::access(&self.marks)?;
        for entry in fs::read_dir(&self.marks)? {
            let entry = entry?;
            let name = entry.file_name();
            // Passes go on meanwhile: what is marked by now is remembered by now.
            if !self.is_owned(Path::new(&name)) {
                file::access(&entry.path())?;
                fs::remove_file(entry.path())?;
                changed.insert(Path::new(MARKS).join(name));
            }
        }
        for &pf in self.store.memory().pfs.keys() {
            if self.mark(pf)? {
                changed.insert(mark_of(pf));
            }
        }
        Ok(changed)
    }

    /// Whether somebody took the mark of a PF that is ours, or made one of another.
    pub(super) fn is_mark_off(&self, mark: &Path) -> bool {
        let is_there = mark.file_name().map(|name| self.marks.join(name).exists());
        is_there.is_some_and(|is_there| {
            !self.lost.load(Ordering::Relaxed) && is_there != self.is_owned(mark)
        })
    }

    fn is_owned(&self, mark: &Path) -> bool {
        let name = mark.file_name().and_then(OsStr::to_str);
        let pf: Option<PciAddress> = name.and_then(|name| name.parse().ok());
        let memory = self.store.memory();
        pf.is_some_and(|pf| memory.pfs.contains_key(&pf) || memory.is_in_doubt(pf))
    }

    /// Whether it was not there.
    fn mark(&self, pf: PciAddress) -> io::Result<bool> {
        let mark = self.marks.join(pf.to_string());
        match file::access(&mark).and_then(|()| File::create_new(mark)) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            result => result.map(|_| true),
        }
    }

    fn unmark(&self, pf: PciAddress) -> io::Result<()> {
        let mark = self.marks.join(pf.to_string());
        match file::access(&mark).and_then(|()| fs::remove_file(mark)) {
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

    fn is_lost(&self, pf: PciAddress) -> bool {
        self.lost.load(Ordering::Relaxed) || self.store.memory().is_in_doubt(pf)
    }

    fn note_addresses(&self, but: PciAddress, taken: &mut TakenAddresses) {
        self.store.memory().note_addresses(but, taken);
    }

    fn claim(&self, pf: PciAddress, owned: OwnedPf, taken: &TakenAddresses) -> bool {
        let mut is_ours = false;
        drop((self.store).note(|memory| is_ours = memory.claim(pf, owned, taken)));
        if is_ours {
            drop(self.mark(pf));
        }
        is_ours
    }

    fn set_owned(&self, pf: PciAddress, owned: Option<OwnedPf>) {
        let is_ours = owned.is_some();
        // Remembered first: a mark of a PF that is not would be taken for somebody else's.
        drop(self.store.note(|memory| match owned {
            Some(owned) => drop(memory.pfs.insert(pf, owned)),
            None => drop(memory.pfs.remove(&pf)),
        }));
        // Without its mark a PF is configured all the same; a network manager may take its VFs up.
        let marked = match is_ours {
            true => self.mark(pf).map(drop),
            false => self.unmark(pf),
        };
        self.has_wrong_marks
            .fetch_or(marked.is_err(), Ordering::Relaxed);
    }
}
