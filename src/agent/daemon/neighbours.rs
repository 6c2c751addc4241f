//! What others put beside our outputs: it may hold ours back, release them, or stand in their place.

use super::journal;
use super::ledger::MARKS;
use super::outputs::publish;
use super::suspects::suspect;
use super::value::Daemon;
use crate::events::Neighbour;
use crate::events::files::Directories;
use crate::publish::cni_directory::KUBELET;
use crate::settings::{FILE, Settings, WhenInstalled};
use sriovd_core::model::pools::POOLS;
use sriovd_core::render::cni;
use sriovd_host::file;
use std::path::Path;

/// All that is watched.
pub(super) fn directories(settings: &Settings, root: &Path) -> Directories {
    let outputs = &settings.outputs;
    let has_podman = outputs.podman != WhenInstalled::Never;
    let ours = [
        outputs.cni.then_some(&*outputs.cni_dir),
        has_podman.then_some(&*outputs.podman_dir),
        outputs.manifests.then_some(&*outputs.manifests_dir),
        outputs.cdi.then_some(&*outputs.cdi_dir),
        (outputs.device_plugin)
            .then(|| outputs.device_plugin_file.parent())
            .flatten(),
        (outputs.node_state)
            .then(|| outputs.node_state_file.parent())
            .flatten(),
        Path::new(POOLS).parent(),
        Some(Path::new(MARKS)),
    ];
    let kubelet = outputs.cni.then_some(Path::new(KUBELET));
    let under_root = |path: &Path| file::under(root, path);
    let policies = settings.all_policy_dirs().into_iter();
    let policies: Vec<_> = policies.map(|path| under_root(&path)).collect();
    let directories = Directories::new(root, &policies);
    let directories = directories.and_settings(&under_root(Path::new(FILE)));
    directories.and_neighbours(
        ours.into_iter().flatten().map(under_root).collect(),
        kubelet.into_iter().map(under_root).collect(),
    )
}

pub(super) fn on_neighbour(daemon: &mut Daemon, neighbour: &Neighbour) {
    match neighbour {
        Neighbour::Watched { directory, reason } => {
            match reason {
                Some(reason) => journal::not_watched(directory, reason),
                None => journal::watched_again(directory),
            }
            return;
        }
        Neighbour::Directory => daemon.publisher.mark_all(),
        Neighbour::Entry(name) if daemon.publisher.is_refused(name) => daemon.publisher.mark_all(),
        Neighbour::Entry(name) => {
            suspect(daemon, name);
            let name = name.to_str();
            if !name.is_some_and(cni::is_configuration_before_ours) {
                return;
            }
        }
    }
    publish(daemon);
}

#[cfg(test)]
mod tests;
