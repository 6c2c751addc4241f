//! What others put beside our outputs: it may hold ours back, release them, or stand in their place.

use super::coordinator::Coordinator;
use crate::agent::{Settings, WhenInstalled};
use crate::events::Neighbour;
use crate::events::files::Directories;
use crate::file;
use crate::publish::cni_directory::KUBELET;
use crate::render::cni;
use std::path::Path;

/// All that is watched.
pub(super) fn directories(settings: &Settings, root: &Path) -> Directories {
    let outputs = &settings.outputs;
    let has_podman = outputs.podman != WhenInstalled::Never;
    // What lies elsewhere bears our name, or is in a directory of our own.
    let shared = [
        outputs.cni.then_some(&*outputs.cni_dir),
        has_podman.then_some(&*outputs.podman_dir),
        outputs
            .device_plugin_file
            .parent()
            .filter(|_| outputs.device_plugin),
    ];
    let kubelet = outputs.cni.then_some(Path::new(KUBELET));
    let under_root = |path: &Path| file::under(root, path);
    let directories = Directories::new(root, &settings.all_policy_dirs());
    directories.and_neighbours(
        shared.into_iter().flatten().map(under_root).collect(),
        kubelet.into_iter().map(under_root).collect(),
    )
}

impl Coordinator {
    pub(super) fn on_neighbour(&mut self, neighbour: &Neighbour) {
        match neighbour {
            Neighbour::Directory => self.publisher.mark_all(),
            Neighbour::Entry(name) if self.publisher.is_refused(name) => self.publisher.mark_all(),
            Neighbour::Entry(name) => {
                // Not so what we write ourselves.
                let name = name.to_str();
                if !name.is_some_and(cni::is_configuration_before_ours) {
                    return;
                }
            }
        }
        self.publish();
    }
}

#[cfg(test)]
mod tests;
