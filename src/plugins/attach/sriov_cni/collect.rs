//! GC of what the SR-IOV CNI plugin attached: containers of which nobody will say DEL.

use super::Found;
use crate::attach::{Allocator, AttachError, Life, Released, lock};
use sriovd_host::file::{self, FileError};
use std::fs::{self, FileType};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

impl Allocator {
    /// Takes back what that plugin attached to containers that are no more. `is_valid` knows those
    /// that the runtime has by the names of their records. What somebody works on is left.
    pub fn collect_theirs(
        &self,
        network: &str,
        is_valid: impl Fn(&str) -> bool,
    ) -> Vec<Result<Released, AttachError>> {
        match self.list_theirs() {
            Ok(paths) => paths
                .into_iter()
                .filter(|path| !is_valid(&name_of(path)))
                .filter_map(|path| self.collect_one_of_theirs(&path, network).transpose())
                .collect(),
            Err(error) => vec![Err(error)],
        }
    }

    fn collect_one_of_theirs(
        &self,
        path: &Path,
        network: &str,
    ) -> Result<Option<Released>, AttachError> {
        let is_its = |found: &Found| found.attached.network == network;
        let Some(found) = self.read_theirs(path)?.filter(is_its) else {
            return Ok(None);
        };
        // An interface's name may have the hyphen, too: then the container is called otherwise here
        // for the moment that this takes.
        let name = name_of(path);
        let Some((container, interface)) = name.rsplit_once('-') else {
            return Ok(None);
        };
        let Ok(interface) = interface.parse() else {
            return Ok(None);
        };
        let Some(_lock) = lock::try_take(&self.root, found.attached.vf)? else {
            return Ok(None);
        };
        let Some(found) = self.read_theirs(path)?.filter(is_its) else {
            return Ok(None);
        };
        let allocation = self.allocation_of(&found, container, &interface, Path::new(""))?;
        let Some(allocation) = allocation else {
            self.make_ours(&found, None)?;
            return Ok(None);
        };
        if self.life(&allocation)? == Life::Lives {
            return Ok(None);
        }
        self.make_ours(&found, Some(&allocation))?;
        self.give_back_locked(&allocation).map(Some)
    }

    pub(super) fn list_theirs(&self) -> Result<Vec<PathBuf>, AttachError> {
        let directory = self.theirs();
        let entries = match file::access(&directory).and_then(|()| fs::read_dir(&directory)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            listed => listed.map_err(FileError::new("list", &directory))?,
        };
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.map_err(FileError::new("list", &directory))?.path();
            let kind = file::kind(&path)?;
            paths.extend(kind.filter(FileType::is_file).map(|_| path));
        }
        paths.sort_unstable();
        Ok(paths)
    }
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
