//! `render`: what is published, on standard output.

use super::options::Options;
use super::own::Own;
use super::scene::Scene;
use anyhow::bail;
use clap::ValueEnum;
use sriovd_agent::publish::cni_directory;
use sriovd_agent::settings;
use sriovd_core::model::pools::POOLS;
use sriovd_core::render::{self, CniDirectory, OutputSettings, cni, nad, podman};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// A CNI configuration list for each network.
    Cni,
    /// The configuration of the SR-IOV network device plugin.
    DevicePlugin,
    /// A NetworkAttachmentDefinition for each network.
    Nad,
    /// A CDI specification for each pool.
    Cdi,
    /// A network of podman's for each network that can be one.
    Podman,
    /// The SriovNetworkNodeState of this node.
    State,
    /// The VFs of each pool, for the container plugins.
    Pools,
}

const ALL: [Output; 7] = [
    Output::Cni,
    Output::DevicePlugin,
    Output::Nad,
    Output::Cdi,
    Output::Podman,
    Output::State,
    Output::Pools,
];

/// Files by their paths. Also of outputs that are switched off: this is how one sees what they
/// would be.
pub(super) fn render(
    options: &Options,
    scene: &Scene,
    is_this_host: bool,
    wanted: Option<Output>,
) -> render::Outputs {
    let settings = Own::new(&options.root).output_settings();
    let nothing = OutputSettings {
        own_cni_plugin: scene.own_cni_plugin,
        ..OutputSettings::default()
    };
    let settings = ALL.into_iter().fold(nothing, |all, output| {
        match wanted.is_none_or(|wanted| wanted == output) {
            true => switched_on(all, output, &settings),
            false => all,
        }
    });
    let cni_dir = settings.cni_dir.as_deref().filter(|_| is_this_host);
    let cni_directory = match cni_dir.map(|dir| cni_directory::look(&options.root, dir)) {
        Some(Ok(found)) => found,
        None => CniDirectory::default(),
        Some(Err(error)) => {
            super::output::note(&format!("what else is for CNI is not known: {error}"));
            CniDirectory::default()
        }
    };
    render::render(&render::RenderInput {
        policies: &scene.policies.policies,
        networks: &scene.policies.networks,
        world: scene.world(),
        previous: &scene.memory.assignments,
        cni_directory,
        settings: &settings,
    })
}

fn switched_on(all: OutputSettings, output: Output, paths: &settings::Outputs) -> OutputSettings {
    match output {
        Output::Cni => OutputSettings {
            cni_dir: Some(paths.cni_dir.clone()),
            ..all
        },
        Output::DevicePlugin => OutputSettings {
            device_plugin_file: Some(paths.device_plugin_file.clone()),
            ..all
        },
        Output::Nad => OutputSettings {
            manifests_dir: Some(paths.manifests_dir.clone()),
            ..all
        },
        Output::Cdi => OutputSettings {
            cdi_dir: Some(paths.cdi_dir.clone()),
            ..all
        },
        Output::Podman => OutputSettings {
            podman_dir: Some(paths.podman_dir.clone()),
            ..all
        },
        Output::State => OutputSettings {
            node_state_file: Some(paths.node_state_file.clone()),
            ..all
        },
        Output::Pools => OutputSettings {
            pools_file: Some(POOLS.into()),
            ..all
        },
    }
}

/// The files of one network.
pub(super) fn of_network(
    scene: &Scene,
    outputs: &render::Outputs,
    name: &str,
) -> anyhow::Result<BTreeMap<PathBuf, String>> {
    let mut networks = scene.policies.networks.iter();
    let Some(network) = networks.find(|network| network.name.as_str() == name) else {
        bail!("there is no network {name:?}");
    };
    let names = [
        cni::file_name(&network.name),
        nad::file_name(network),
        podman::file_name(&network.name),
    ];
    let is_its = |path: &Path| {
        path.file_name()
            .is_some_and(|it| names.iter().any(|name| it == name.as_str()))
    };
    let mut files = outputs.files.clone();
    files.retain(|path, _| is_its(path));
    let mut held_back = outputs.held_back.iter();
    let held = held_back.find(|held| held.network == network.name);
    match held.filter(|_| files.is_empty()) {
        Some(held) => bail!("network {name} is not published: {}", held.reason),
        None if files.is_empty() => bail!("network {name} has no such output"),
        None => Ok(files),
    }
}

/// One as it is; several each under its path.
pub(super) fn text(files: &BTreeMap<PathBuf, String>) -> String {
    if let (1, Some(text)) = (files.len(), files.values().next()) {
        return text.clone();
    }
    let files = files.iter();
    let files = files.map(|(path, text)| format!("==> {} <==\n{text}", path.display()));
    files.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
