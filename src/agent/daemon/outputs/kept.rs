//! Outputs that stay as they are, because what they depend on cannot be seen just now.

use sriovd_core::model::Assignment;
use sriovd_core::model::{NetworkName, PciAddress};
use sriovd_core::policy::Network;
use sriovd_core::render::OutputSettings;
use sriovd_host::file::FileError;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

#[derive(Debug, Default)]
pub(super) struct Kept {
    /// PFs that are there, and that nobody has seen since the boot.
    pub(super) unseen: BTreeSet<PciAddress>,
    /// Nothing in them is written or removed.
    directories: Vec<PathBuf>,
    /// Why.
    pub(super) failed: Vec<(PathBuf, FileError)>,
}

impl Kept {
    /// `pfs`: those that the outputs of before can tell of.
    pub(super) fn unseen(unseen: &BTreeSet<PciAddress>, pfs: &BTreeSet<PciAddress>) -> Self {
        Self {
            unseen: unseen.intersection(pfs).copied().collect(),
            ..Self::default()
        }
    }

    pub(super) fn is_anything(&self) -> bool {
        !self.unseen.is_empty() || !self.directories.is_empty()
    }

    /// Without this output, whose files stay.
    pub(super) fn switch_off(&mut self, output: &mut Option<PathBuf>) {
        self.directories.extend(output.take());
    }

    pub(super) fn because(&mut self, path: &Path, error: FileError) {
        self.failed.push((path.to_owned(), error));
    }

    /// Networks that can be published, and what the others had last.
    pub(super) fn without<'a>(
        &self,
        networks: &'a [Network],
        assignments: &BTreeMap<NetworkName, Assignment>,
    ) -> (Vec<Network>, Vec<(&'a NetworkName, Assignment)>) {
        let mut others = Vec::new();
        let mut published = Vec::new();
        for network in networks {
            match assignments.get(&network.name) {
                Some(had) if self.unseen.contains(&had.pf) => {
                    others.push((&network.name, had.clone()));
                }
                _ => published.push(network.clone()),
            }
        }
        (published, others)
    }

    /// Takes out of what is rendered the files that are there and tell of several PFs. `is_absent`: those that are certainly
    /// not there.
    pub(super) fn hold(
        &self,
        files: &mut BTreeMap<PathBuf, String>,
        outputs: &OutputSettings,
        is_absent: impl Fn(&Path) -> bool,
    ) {
        if self.unseen.is_empty() {
            return;
        }
        let by_network = [
            &outputs.cni_dir,
            &outputs.podman_dir,
            &outputs.manifests_dir,
        ];
        let is_of_a_network = |path: &Path| {
            let mut directories = by_network.into_iter().flatten();
            directories.any(|directory| path.parent() == Some(directory))
        };
        files.retain(|path, _| is_of_a_network(path) || is_absent(path));
    }

    /// Files of ours that are not to be touched.
    pub(super) fn files(
        &self,
        owned: &BTreeSet<PathBuf>,
        rendered: &BTreeMap<PathBuf, String>,
    ) -> BTreeSet<PathBuf> {
        let is_kept = |path: &&PathBuf| {
            let directory = path.parent();
            !self.unseen.is_empty() && !rendered.contains_key(*path)
                || self
                    .directories
                    .iter()
                    .any(|it| Some(it.as_path()) == directory)
        };
        owned.iter().filter(is_kept).cloned().collect()
    }
}
