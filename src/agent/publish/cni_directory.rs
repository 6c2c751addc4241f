//! Whether ours would be the first network configuration that a container runtime finds.

use sriovd_core::render::CniDirectory;
use sriovd_core::render::cni;
use sriovd_host::file::{self, FileError, under};
use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

/// Where every kubelet keeps its state.
pub const KUBELET: &str = "/var/lib/kubelet";

/// A directory that is not there is empty.
pub fn look(root: &Path, directory: &Path) -> Result<CniDirectory, FileError> {
    let place = under(root, directory);
    let names = match names(&place) {
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        names => names.map_err(FileError::new("list", &place))?,
    };
    let mut names = names.iter().filter_map(|name| name.to_str());
    Ok(CniDirectory {
        other_conflists: names.any(cni::is_configuration_before_ours),
        kubelet: file::kind(&under(root, Path::new(KUBELET)))?.is_some_and(|it| it.is_dir()),
    })
}

fn names(directory: &Path) -> io::Result<Vec<OsString>> {
    let entries = fs::read_dir(directory)?;
    entries.map(|entry| Ok(entry?.file_name())).collect()
}

#[cfg(test)]
mod tests;
