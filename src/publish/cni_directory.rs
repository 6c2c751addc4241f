//! Whether ours would be the first network configuration that a container runtime finds.

use crate::file::under;
use crate::render::CniDirectory;
use crate::render::cni;
use std::fs;
use std::path::Path;

/// Where every kubelet keeps its state.
pub const KUBELET: &str = "/var/lib/kubelet";

/// A directory that cannot be read counts as empty: then nothing of ours is put there.
pub fn look(root: &Path, directory: &Path) -> CniDirectory {
    let entries = fs::read_dir(under(root, directory));
    let mut names = entries
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    CniDirectory {
        other_conflists: names.any(|name| cni::is_configuration_before_ours(&name)),
        kubelet: under(root, Path::new(KUBELET)).is_dir(),
    }
}

#[cfg(test)]
mod tests;
