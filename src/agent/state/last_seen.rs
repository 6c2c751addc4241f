//! What was last seen of each PF since the boot: outputs tell of it while the PF cannot be looked at after a restart of
//! the agent, and so wait for no PF.

use serde::{Deserialize, Serialize};
use sriovd_core::model::world::World;
use sriovd_core::model::{PciAddress, PfSnapshot};
use sriovd_core::report::{KnownPf, Seen};
use sriovd_host::file::{self, FileError, under};
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A file for each PF, named by its address. A boot takes them away, as it takes the VFs.
const DIRECTORY: &str = "/run/sriovd/seen";
const VERSION: u64 = 1;

#[derive(Serialize)]
struct Document<'a> {
    version: u64,
    pf: &'a PfSnapshot,
}

#[derive(Deserialize)]
struct Saved {
    version: u64,
    pf: PfSnapshot,
}

/// One for the life of the process.
#[derive(Debug)]
pub struct LastSeen {
    directory: PathBuf,
    known: Mutex<BTreeMap<PciAddress, Known>>,
}

/// What the file of a PF says.
#[derive(Debug)]
enum Known {
    /// As an agent before this one wrote it.
    Read(Box<PfSnapshot>),
    Written(Arc<Seen>),
}

impl Known {
    fn pf(&self) -> &PfSnapshot {
        match self {
            Self::Read(pf) => pf,
            Self::Written(seen) => &seen.pf,
        }
    }
}

impl LastSeen {
    /// With what an agent before this one has seen; what of that cannot be read is not known.
    pub fn below(root: &Path) -> Self {
        let directory = under(root, Path::new(DIRECTORY));
        let entries = fs::read_dir(&directory).into_iter().flatten().flatten();
        let known = entries.filter_map(|entry| {
            let pf: PciAddress = entry.file_name().to_str()?.parse().ok()?;
            let saved = read(&entry.path()).filter(|saved| saved.address == pf)?;
            Some((pf, Known::Read(Box::new(saved))))
        });
        Self {
            known: Mutex::new(known.collect()),
            directory,
        }
    }

    /// The PF as it was seen last.
    pub fn of(&self, pf: PciAddress) -> Option<PfSnapshot> {
        self.lock().get(&pf).map(|known| known.pf().clone())
    }

    /// Writes what is another now, and forgets PFs that are gone. One that cannot be written does not
    /// stop the others; it is written with the next call.
    pub fn note(&self, world: &World<KnownPf>) -> Result<(), FileError> {
        let mut known = self.lock();
        let mut noted = Ok(());
        let pfs = world.pfs().iter();
        for (&pf, seen) in pfs.filter_map(|(pf, told)| Some((pf, told.seen.as_ref()?))) {
            if let Err(error) = self.write_if_new(known.get(&pf), pf, seen) {
                // Nothing is better than what was seen before that.
                known.remove(&pf);
                let _ = spoil(&self.path(pf));
                noted = Err(error);
            } else {
                known.insert(pf, Known::Written(Arc::clone(seen)));
            }
        }
        let gone = |pf: &&PciAddress| !world.pfs().contains_key(pf);
        for pf in known.keys().filter(gone).copied().collect::<Vec<_>>() {
            match self.remove(pf) {
                Ok(()) => drop(known.remove(&pf)),
                Err(error) => noted = Err(error),
            }
        }
        noted
    }

    fn write_if_new(
        &self,
        known: Option<&Known>,
        pf: PciAddress,
        seen: &Arc<Seen>,
    ) -> Result<(), FileError> {
        match known {
            Some(Known::Written(before)) if Arc::ptr_eq(before, seen) => Ok(()),
            Some(before) if before.pf() == &seen.pf => Ok(()),
            _ => self.write(pf, &seen.pf),
        }
    }

    fn write(&self, address: PciAddress, pf: &PfSnapshot) -> Result<(), FileError> {
        let path = self.path(address);
        let version = VERSION;
        let text = serde_json::to_string(&Document { version, pf });
        let text = text.map_err(|error| FileError::new("write", &path)(error.into()))?;
        file::create_directories(&self.directory)?;
        file::replace_unsynced(&path, &text)
    }

    fn remove(&self, pf: PciAddress) -> Result<(), FileError> {
        let path = self.path(pf);
        match file::access(&path).and_then(|()| fs::remove_file(&path)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(FileError::new("remove", &path)(error))
            }
            _ => Ok(()),
        }
    }

    fn path(&self, pf: PciAddress) -> PathBuf {
        self.directory.join(pf.to_string())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PciAddress, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `None` where that is not known.
fn read(path: &Path) -> Option<PfSnapshot> {
    let text = fs::read_to_string(path).ok()?;
    let saved: Saved = serde_json::from_str(&text).ok()?;
    (saved.version == VERSION).then_some(saved.pf)
}

/// Makes it none that is understood, in its own place: on a file system that is full, removing it would make room for
/// another file for as long as this one cannot be written.
fn spoil(path: &Path) -> io::Result<()> {
    OpenOptions::new()
        .write(true)
        .open(path)?
        .write_all_at(b"-", 0)
}

#[cfg(test)]
mod tests;
