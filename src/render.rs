//! What other programs read, as text: a function of what is wanted and what is there, nothing else.
//!
//! Only VFs that are ready are described. Equal inputs give equal bytes, so that a file changes
//! only when its reader has something new to learn.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod assign;
pub mod cni;
pub mod device_plugin;
pub mod node_state;
pub mod pools;

use crate::model::{HostSnapshot, NetworkName, PciAddress};
use crate::plan::owned::Assignment;
use crate::policy::Network;
use crate::policy::resolve::Resolution;
use crate::report::PfReport;
use assign::{Assignments, NoVf};
use cni::Unusable;
pub use pools::vf_ready;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Which outputs are on, and where they go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OutputSettings {
    pub cni_dir: Option<PathBuf>,
    pub device_plugin_file: Option<PathBuf>,
    pub node_state_file: Option<PathBuf>,
}

impl OutputSettings {
    /// The directories in which files of ours can lie.
    pub fn directories(&self) -> Vec<&Path> {
        let files = [&self.device_plugin_file, &self.node_state_file];
        let parents = files.into_iter().flatten().filter_map(|file| file.parent());
        self.cni_dir.as_deref().into_iter().chain(parents).collect()
    }
}

/// Container runtimes of Kubernetes take the first configuration for the network of every pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CniDirectory {
    /// Somebody else's configuration is there and sorts before ours.
    pub other_conflists: bool,
    pub kubelet: bool,
}

#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    pub networks: &'a [Network],
    pub resolutions: &'a BTreeMap<PciAddress, Resolution>,
    pub host: &'a HostSnapshot,
    /// Which VF each network was given last.
    pub previous: &'a BTreeMap<NetworkName, Assignment>,
    pub reports: &'a BTreeMap<PciAddress, PfReport>,
    pub cni_directory: CniDirectory,
    pub settings: &'a OutputSettings,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outputs {
    pub files: BTreeMap<PathBuf, String>,
    pub held_back: Vec<HeldBack>,
    /// To be remembered: what networks have now, and what those without a VF had last.
    pub assignments: BTreeMap<NetworkName, Assignment>,
}

/// A network without a file, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldBack {
    pub network: NetworkName,
    pub reason: Reason,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    #[error(transparent)]
    NoVf(#[from] NoVf),
    #[error(transparent)]
    Unusable(#[from] Unusable),
    #[error(
        "a kubelet runs here and no other CNI configuration comes first: \
         this one would become the network of every pod"
    )]
    WouldBeDefault,
}

pub fn render(input: &Input<'_>) -> Outputs {
    let pools = pools::pools(input.resolutions, input.host);
    let assigned = assign::assign(input.networks, &pools, input.previous, |vf, resource| {
        pools::is_on_its_way(vf, resource, input.resolutions, input.host)
    });
    let mut outputs = Outputs {
        assignments: assign::remember(&assigned, input.previous),
        ..Outputs::default()
    };
    if let Some(directory) = &input.settings.cni_dir {
        let mut networks: Vec<_> = input.networks.iter().collect();
        networks.sort_by_key(|network| &network.name);
        for network in networks {
            match conflist(network, &assigned, input.cni_directory) {
                Ok(text) => {
                    let path = directory.join(cni::file_name(&network.name));
                    outputs.files.insert(path, text);
                }
                Err(reason) => outputs.held_back.push(HeldBack {
                    network: network.name.clone(),
                    reason,
                }),
            }
        }
    }
    if let Some(path) = &input.settings.device_plugin_file
        && let Some(text) = device_plugin::config(&pools)
    {
        outputs.files.insert(path.clone(), text);
    }
    if let Some(path) = &input.settings.node_state_file {
        let text = node_state::node_state(input.host, input.resolutions, input.reports);
        outputs.files.insert(path.clone(), text);
    }
    outputs
}

fn conflist(
    network: &Network,
    assigned: &Assignments<'_>,
    directory: CniDirectory,
) -> Result<String, Reason> {
    let member = assigned.get(&network.name).cloned().transpose()?;
    let text = cni::conflist(network, member.map(|member| member.vf.address))?;
    if directory.kubelet && !directory.other_conflists {
        return Err(Reason::WouldBeDefault);
    }
    Ok(text)
}

/// How files that bear no name of ours say whose they are. Readers ignore keys they do not know.
const MANAGER: &str = "sriovd";
const MANAGER_KEY: &str = "managedBy";
const MANAGER_LABEL: &str = "app.kubernetes.io/managed-by";

/// Whether a text says that sriovd wrote it.
pub fn is_marked_ours(text: &[u8]) -> bool {
    let value: Value = serde_json::from_slice(text).unwrap_or_default();
    value[MANAGER_KEY] == MANAGER || value["metadata"]["labels"][MANAGER_LABEL] == MANAGER
}

/// An object of those entries that have a value.
fn object<const N: usize>(entries: [(&str, Option<Value>); N]) -> Map<String, Value> {
    let given = entries
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)));
    given.collect()
}

/// Indented, keys sorted, a newline at the end.
fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
