//! A publication in parts, one for each directory: one that does not answer delays no other.

use super::{Prepared, PublishReport, prepare};
use sriovd_host::file::apart::Apart;
use sriovd_host::file::{FileError, under};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What is to be in one directory.
#[derive(Debug, Default)]
struct Wanted {
    files: BTreeMap<PathBuf, String>,
    owned: BTreeSet<PathBuf>,
    is_searched: bool,
}

/// What is going to be done, and where nothing can be done.
#[derive(Debug)]
pub struct Parts {
    apart: Apart,
    root: PathBuf,
    prepared: Vec<(PathBuf, Prepared)>,
    failed: Vec<(PathBuf, FileError)>,
    owned: BTreeSet<PathBuf>,
}

impl Parts {
    /// As `prepare`, directory by directory.
    pub fn prepare<'a>(
        apart: &Apart,
        root: &Path,
        files: BTreeMap<PathBuf, String>,
        owned: &BTreeSet<PathBuf>,
        directories: impl IntoIterator<Item = &'a Path>,
    ) -> Self {
        let mut wanted: BTreeMap<PathBuf, Wanted> = BTreeMap::new();
        let place = |path: &Path| path.parent().unwrap_or(path).to_owned();
        for (path, text) in files {
            let part = wanted.entry(place(&path)).or_default();
            part.files.insert(path, text);
        }
        for path in owned {
            let part = wanted.entry(place(path)).or_default();
            part.owned.insert(path.clone());
        }
        for directory in directories {
            let part = wanted.entry(directory.to_owned()).or_default();
            part.is_searched = true;
        }
        let mut parts = Self {
            apart: apart.clone(),
            root: root.to_owned(),
            prepared: Vec::new(),
            failed: Vec::new(),
            owned: BTreeSet::new(),
        };
        for (directory, wanted) in wanted {
            parts.add(directory, wanted);
        }
        parts
    }

    fn add(&mut self, directory: PathBuf, wanted: Wanted) {
        let Wanted {
            files,
            owned,
            is_searched,
        } = wanted;
        let (root, searched, ours) = (self.root.clone(), directory.clone(), owned.clone());
        let work = move || {
            let searched = is_searched.then_some(searched.as_path());
            prepare(&root, files, &ours, searched)
        };
        match self.run(&directory, work) {
            Ok(prepared) => self.prepared.push((directory, prepared)),
            // Nothing in it has changed as far as anyone knows.
            Err(error) => {
                self.owned.extend(owned);
                self.failed.push((directory, error));
            }
        }
    }

    fn run<T: Send + 'static>(
        &self,
        directory: &Path,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, FileError> {
        self.apart.run(&under(&self.root, directory), work)
    }

    /// To be recorded before `commit`.
    pub fn owned(&self) -> BTreeSet<PathBuf> {
        let prepared = self.prepared.iter().flat_map(|(_, it)| it.owned());
        prepared.chain(&self.owned).cloned().collect()
    }

    /// Leaves these as they are on the disk. They stay ours.
    pub fn leave<'a>(&mut self, paths: impl IntoIterator<Item = &'a PathBuf>) {
        for path in paths {
            let prepared = self.prepared.iter_mut();
            prepared.for_each(|(_, it)| it.leave([path]));
        }
    }

    /// One file or directory that fails does not stop the others.
    pub fn commit(mut self) -> PublishReport {
        let mut whole = PublishReport::default();
        for (directory, prepared) in std::mem::take(&mut self.prepared) {
            let about_to_own = prepared.owned().clone();
            match self.run(&directory, move || prepared.commit()) {
                Ok(report) => whole.extend(report),
                Err(error) => {
                    self.owned.extend(about_to_own);
                    self.failed.push((directory, error));
                }
            }
        }
        whole.owned.append(&mut self.owned);
        whole.failed.append(&mut self.failed);
        whole
    }
}
