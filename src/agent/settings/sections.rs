//! The settings that hold, section by section, with their defaults.

use super::listen::Listen;
use crate::load::DIRECTORIES;
use sriovd_core::model::Node;
use sriovd_wire::settings::{SOCKET, VfOperator};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// What systemd-udevd and systemd-networkd take, because one PF with many queues makes thousands of
/// events. A limit, not an allocation.
const RECEIVE_BUFFER: usize = 128 << 20;

/// Paths are absolute and without `..`; the root is not yet in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The strongest first.
    pub policy_dirs: Vec<PathBuf>,
    /// Where sriovd keeps what it must remember over restarts.
    pub state_dir: PathBuf,
    /// The least severity that goes to the journal.
    pub log_level: LogLevel,
    /// The files that are written for other programs (`[outputs]`).
    pub outputs: Outputs,
    /// What policies see of the node (`[node]`).
    pub node: NodeSettings,
    /// Deadlines and sizes (`[limits]`).
    pub limits: Limits,
    /// Where the API is (`[api]`).
    pub api: ApiSettings,
    /// Where vf-operator's API is (`[vf_operator]`).
    pub vf_operator: VfOperator,
}

/// Which outputs are written, and where. A directory or file counts only while its output is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outputs {
    /// Whether conflists are written.
    pub cni: bool,
    /// Where container runtimes read conflists.
    pub cni_dir: PathBuf,
    /// Whether the SR-IOV network device plugin is configured.
    pub device_plugin: bool,
    /// The file that the device plugin reads at its start.
    pub device_plugin_file: PathBuf,
    /// The unit that is restarted, if it runs, when the file has changed.
    pub device_plugin_unit: Option<String>,
    /// Whether the node state is written.
    pub node_state: bool,
    /// Where the node state goes.
    pub node_state_file: PathBuf,
    /// The plugin that conflists name.
    pub cni_plugin: CniPlugin,
    /// Whether networks for podman are written.
    pub podman: WhenInstalled,
    /// Where podman reads networks.
    pub podman_dir: PathBuf,
    /// Whether NetworkAttachmentDefinitions are written.
    pub manifests: bool,
    /// Where NetworkAttachmentDefinitions go, for `kubectl apply`.
    pub manifests_dir: PathBuf,
    /// Whether CDI specs are written.
    pub cdi: bool,
    /// Where container runtimes read CDI specs.
    pub cdi_dir: PathBuf,
}

/// Which plugin CNI lists name for a network of type `sriov`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CniPlugin {
    /// Ours where it is installed.
    #[default]
    Auto,
    /// The SR-IOV CNI plugin: one VF for each network.
    Sriov,
    /// sriovd-cni: the pool for each network.
    Ours,
}

impl CniPlugin {
    /// Whether CNI lists are for our own plugin, which is installed or not.
    pub fn is_ours(self, is_installed: bool) -> bool {
        match self {
            Self::Auto => is_installed,
            Self::Ours => true,
            Self::Sriov => false,
        }
    }
}

/// Whether an output is written that needs a plugin of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenInstalled {
    /// Where the plugin is installed.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What policies see of the node they are on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NodeSettings {
    /// What `[policy.node] labels` is compared with.
    pub labels: BTreeMap<String, String>,
    /// Instead of the host's own name.
    pub hostname: Option<String>,
}

impl NodeSettings {
    /// The node that was found, as the settings want it to be known to policies.
    pub fn of(&self, found: Node) -> Node {
        Node {
            hostname_is_set: self.hostname.is_some(),
            hostname: self.hostname.clone().unwrap_or(found.hostname),
            labels: self.labels.clone(),
            kernel: found.kernel,
        }
    }
}

/// Deadlines and sizes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Until a step that has not come back is reported as hung.
    pub step_deadline: Duration,
    /// The same for changes of a VF count, which take seconds per VF on some devices.
    pub numvfs_deadline: Duration,
    /// Until the service counts as started although not every PF is ready.
    pub start_deadline: Duration,
    /// How many bytes of events the kernel keeps for us, per source.
    pub receive_buffer: usize,
}

/// Where the API is, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiSettings {
    /// The Unix socket of sriovctl and of bridges.
    pub socket: PathBuf,
    /// The group whose members may change things. Others may only read.
    pub admin_group: Option<String>,
    /// An address for the API over TCP, which a browser can open.
    pub listen: Option<Listen>,
}

/// How much goes to the journal, by severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum LogLevel {
    /// Failures only.
    Error,
    /// Also what is not as wanted.
    Warn,
    /// Also what was done, and why.
    #[default]
    Info,
    /// Also the beginning of each pass.
    Debug,
    /// All that any part of the program has to say.
    Trace,
}

impl LogLevel {
    /// The word in the settings file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            policy_dirs: DIRECTORIES.iter().map(PathBuf::from).collect(),
            state_dir: "/var/lib/sriovd".into(),
            log_level: LogLevel::default(),
            outputs: Outputs::default(),
            node: NodeSettings::default(),
            limits: Limits::default(),
            api: ApiSettings::default(),
            vf_operator: VfOperator::default(),
        }
    }
}

impl Default for Outputs {
    fn default() -> Self {
        Self {
            cni: true,
            cni_dir: "/etc/cni/net.d".into(),
            device_plugin: true,
            device_plugin_file: "/etc/pcidp/config.json".into(),
            device_plugin_unit: None,
            node_state: true,
            node_state_file: "/run/sriovd/state.json".into(),
            cni_plugin: CniPlugin::default(),
            podman: WhenInstalled::default(),
            podman_dir: "/etc/containers/networks".into(),
            manifests: true,
            manifests_dir: "/var/lib/sriovd/manifests".into(),
            cdi: true,
            cdi_dir: "/run/cdi".into(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            step_deadline: Duration::from_secs(30),
            numvfs_deadline: Duration::from_secs(180),
            start_deadline: Duration::from_secs(60),
            receive_buffer: RECEIVE_BUFFER,
        }
    }
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            socket: SOCKET.into(),
            admin_group: None,
            listen: None,
        }
    }
}
