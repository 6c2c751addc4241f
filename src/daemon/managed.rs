//! The PFs that are managed, as udev's rules see them: one empty file each (`systemd/90-sriovd.rules`).

use crate::model::PciAddress;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Must be right before a PF gets VFs: udev looks when they appear.
pub fn mark(directory: &Path, pfs: &BTreeSet<PciAddress>) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let mut missing = pfs.clone();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let pf = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        if !pf.is_some_and(|pf| missing.remove(&pf)) {
            fs::remove_file(entry.path())?;
        }
    }
    for pf in missing {
        File::create(directory.join(pf.to_string()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
