//! What other programs read, as text: a function of what is wanted and what is there, nothing else.
//!
//! Only VFs that are ready are described. Equal inputs give equal bytes, so that a file changes
//! only when its reader has something new to learn.
#![warn(missing_docs)]
#![deny(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros
)]

pub mod assign;
pub mod cdi;
pub mod cni;
pub mod device_plugin;
pub mod nad;
pub mod node_state;
pub mod picture;
pub mod podman;
pub mod pools;
mod text;

use crate::model::world::World;
use crate::model::{Assignment, NetworkName, PciAddress};
use crate::policy::libcni::Refusal;
use crate::policy::{Network, Policy};
use crate::report::KnownPf;
use assign::{Assignments, NoVf};
use cni::Device;
use nad::NotForKubernetes;
use podman::NotForPodman;
use pools::Pools;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use text::pretty;
pub use text::{MANAGER, MANAGER_LABEL};

/// Which outputs are on, and where they go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OutputSettings {
    /// Where conflists go (`outputs.cni_dir`); `None`: no conflists.
    pub cni_dir: Option<PathBuf>,
    /// The device plugin's configuration file; `None`: none is written.
    pub device_plugin_file: Option<PathBuf>,
    /// Where the node state goes; `None`: none is written.
    pub node_state_file: Option<PathBuf>,
    /// Where the container plugins read the pools; `None`: they are not written.
    pub pools_file: Option<PathBuf>,
    /// Where podman looks for networks; `None`: none are written.
    pub podman_dir: Option<PathBuf>,
    /// Where NetworkAttachmentDefinitions go; `None`: none are written.
    pub manifests_dir: Option<PathBuf>,
    /// Where CDI specs go; `None`: none are written.
    pub cdi_dir: Option<PathBuf>,
    /// CNI lists name pools, for our own plugin, where it can do what they ask for.
    pub own_cni_plugin: bool,
}

impl OutputSettings {
    /// The directories in which files of ours can lie, each once.
    pub fn directories(&self) -> BTreeSet<&Path> {
        let files = [
            &self.device_plugin_file,
            &self.node_state_file,
            &self.pools_file,
        ];
        let files = files.into_iter().flatten();
        let parents = files.filter_map(|file| file.parent());
        let own = [
            &self.cni_dir,
            &self.podman_dir,
            &self.manifests_dir,
            &self.cdi_dir,
        ];
        let own = own.into_iter().flatten().map(PathBuf::as_path);
        own.chain(parents).collect()
    }
}

/// Container runtimes of Kubernetes take the first configuration for the network of every pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CniDirectory {
    /// There is a configuration that is not ours and sorts before ours.
    pub other_conflists: bool,
    /// A kubelet runs on this host.
    pub kubelet: bool,
}

/// All that outputs depend on.
#[derive(Debug, Clone, Copy)]
pub struct RenderInput<'a> {
    /// The policies, in reading order.
    pub policies: &'a [Policy],
    /// The networks, in reading order.
    pub networks: &'a [Network],
    /// The host, what is wanted of it, and what of that is not so.
    pub world: &'a World<KnownPf>,
    /// Which VF each network was given last.
    pub previous: &'a BTreeMap<NetworkName, Assignment>,
    /// What else is in the CNI directory.
    pub cni_directory: CniDirectory,
    /// The outputs that are on, and where they go.
    pub settings: &'a OutputSettings,
}

/// All outputs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outputs {
    /// The text of each file. A file of ours that is not among them is removed.
    pub files: BTreeMap<PathBuf, String>,
    /// The networks that have no file, each with its reason.
    pub held_back: Vec<HeldBack>,
    /// To be remembered: what networks have now, and what those without a VF had last.
    pub assignments: BTreeMap<NetworkName, Assignment>,
    /// The VF that each network has now.
    pub given: BTreeMap<NetworkName, PciAddress>,
}

/// A network without a file, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldBack {
    /// The network's name.
    pub network: NetworkName,
    /// Where it would be.
    pub path: PathBuf,
    /// Why there is none.
    pub reason: Reason,
}

/// Why a network has no file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// No VF can be given to it.
    #[error(transparent)]
    NoVf(#[from] NoVf),
    /// Its readers would refuse it.
    #[error(transparent)]
    Unusable(#[from] Refusal),
    /// Container runtimes would take it for the network of every pod.
    #[error(
        "a kubelet runs here and no other CNI configuration comes first: \
         this one would become the network of every pod"
    )]
    WouldBeDefault,
    /// Podman has no word for what it asks for.
    #[error(transparent)]
    NotForPodman(#[from] NotForPodman),
    /// Kubernetes would refuse it.
    #[error(transparent)]
    NotForKubernetes(#[from] NotForKubernetes),
}

/// The VF that each network has that is pinned to one; `shares` are those of which each container
/// gets its own.
pub fn given(
    networks: &[Network],
    shares: impl Fn(&Network) -> bool,
    world: &World<KnownPf>,
    previous: &BTreeMap<NetworkName, Assignment>,
) -> BTreeMap<NetworkName, PciAddress> {
    let mut pinned = networks.to_vec();
    pinned.retain(|network| !shares(network));
    let coming = |resource: &_, last: &_| pools::is_coming(resource, last, world);
    let pools = pools::pools(world);
    assign::given(&assign::assign(&pinned, &pools, previous, coming))
}

/// All outputs, as text. Equal inputs give equal bytes.
pub fn render(input: &RenderInput<'_>) -> Outputs {
    let pools = pools::pools(input.world);
    let coming = |resource: &_, last: &_| pools::is_coming(resource, last, input.world);
    let settings = input.settings;
    let shares = |network: &Network| settings.own_cni_plugin && cni::is_for_our_plugin(network);
    let (sharing, pinned): (Vec<_>, Vec<_>) = input.networks.iter().cloned().partition(shares);
    let assigned = assign::assign(&pinned, &pools, input.previous, coming);
    let mut outputs = Outputs {
        assignments: assign::remember(&assigned, input.previous),
        given: assign::given(&assigned),
        ..Outputs::default()
    };
    let mut networks: Vec<_> = sharing.iter().chain(&pinned).collect();
    networks.sort_by_key(|network| &network.name);
    for network in networks {
        if let Some(directory) = &settings.cni_dir {
            let path = directory.join(cni::file_name(&network.name));
            let device = match shares(network) {
                true => pool_of(network, &pools),
                false => vf_of(network, &assigned),
            };
            outputs.add(
                network,
                path,
                conflist(network, device, input.cni_directory),
            );
        }
        if let Some(directory) = &settings.podman_dir
            && let Some(text) = podman::network(network)
        {
            let path = directory.join(podman::file_name(&network.name));
            outputs.add(network, path, text.map_err(Reason::from));
        }
        if let Some(directory) = &settings.manifests_dir {
            let path = directory.join(nad::file_name(network));
            let prefix = prefix_of(network, input);
            outputs.add(
                network,
                path,
                nad::manifest(network, prefix).map_err(Reason::from),
            );
        }
    }
    for (pool, text) in settings.cdi_dir.iter().flat_map(|_| cdi::specs(&pools)) {
        let directory = settings.cdi_dir.iter();
        let paths = directory.map(|directory| directory.join(cdi::file_name(&pool)));
        outputs.files.extend(paths.map(|path| (path, text.clone())));
    }
    if let Some(path) = &settings.device_plugin_file
        && let Some(text) = device_plugin::config(&pools)
    {
        outputs.files.insert(path.clone(), text);
    }
    if let Some(path) = &settings.node_state_file {
        let text = node_state::node_state(input.world);
        outputs.files.insert(path.clone(), text);
    }
    if let Some(path) = &settings.pools_file {
        let text = pretty(&pools::file(input.world));
        outputs.files.insert(path.clone(), text);
    }
    outputs
}

impl Outputs {
    fn add(&mut self, network: &Network, path: PathBuf, text: Result<String, Reason>) {
        match text {
            Ok(text) => drop(self.files.insert(path, text)),
            Err(reason) => self.held_back.push(HeldBack {
                network: network.name.clone(),
                path,
                reason,
            }),
        }
    }
}

fn vf_of<'a>(network: &Network, assigned: &Assignments<'_>) -> Result<Device<'a>, Reason> {
    let member = assigned.get(&network.name).cloned().transpose()?;
    Ok(member.map_or(Device::None, |member| Device::Vf(member.vf.address)))
}

fn pool_of<'a>(network: &'a Network, pools: &Pools<'_>) -> Result<Device<'a>, Reason> {
    match &network.resource {
        Some(pool) if pools.contains_key(pool) => Ok(Device::Pool(pool)),
        Some(pool) => Err(NoVf::NoneReady {
            resource: pool.clone(),
        }
        .into()),
        None => Ok(Device::None),
    }
}

fn prefix_of<'a>(network: &Network, input: &RenderInput<'a>) -> Option<&'a str> {
    pools::wanted_prefix(network.resource.as_ref()?, input.world, input.policies)
}

fn conflist(
    network: &Network,
    device: Result<Device<'_>, Reason>,
    directory: CniDirectory,
) -> Result<String, Reason> {
    let text = cni::conflist(network, device?)?;
    if directory.kubelet && !directory.other_conflists {
        return Err(Reason::WouldBeDefault);
    }
    Ok(text)
}

/// What of a text may say whose it is. The rest, which may be long, is skipped.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Mark {
    kind: Value,
    labels: Value,
    managed_by: Value,
    metadata: Value,
}

/// Whether a text says that sriovd wrote it.
pub fn is_marked_ours(text: &[u8]) -> bool {
    // A list would be taken for the fields in their order.
    let is_object = text.trim_ascii_start().first() == Some(&b'{');
    let mark: Mark = match serde_json::from_slice(text) {
        Ok(mark) if is_object => mark,
        _ => return false,
    };
    let labels = [&mark.metadata["labels"], &mark.labels];
    mark.managed_by == MANAGER
        || labels.iter().any(|labels| labels[MANAGER_LABEL] == MANAGER)
        || mark.kind.as_str().is_some_and(cdi::is_our_kind)
}

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
