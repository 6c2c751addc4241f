//! What the device plugin is told on its command line.

use super::answer::Nodes;
use super::prefer::Spread;
use std::path::PathBuf;

/// How kubelet hears of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Registration {
    /// It is called, as soon as it listens
    Call,
    /// It finds the sockets in its directory of plugins
    Directory,
}

/// What the device plugin needs to know.
#[derive(Debug, Clone, clap::Args)]
pub struct PluginSettings {
    /// Where sriovd answers
    #[arg(long, default_value = sriovd_wire::settings::SOCKET)]
    pub socket: PathBuf,

    /// The directory of kubelet's state, with `device-plugins` and `plugins_registry` in it
    #[arg(long, default_value = "/var/lib/kubelet")]
    pub kubelet_dir: PathBuf,

    /// How kubelet hears of a resource
    #[arg(long, value_enum, default_value = "call")]
    pub registration: Registration,

    /// Where multus looks for what is known of devices
    #[arg(long, default_value = "/var/run/k8s.cni.cncf.io/devinfo/dp")]
    pub device_info_dir: PathBuf,

    /// Take the VFs of a container from each PF in turn, not as many as possible from one
    #[arg(long)]
    pub spread: bool,

    /// Name device nodes by the Container Device Interface, whose files sriovd writes where [outputs] says so
    #[arg(long)]
    pub cdi: bool,
}

impl PluginSettings {
    pub(super) fn spread(&self) -> Spread {
        match self.spread {
            true => Spread::Spread,
            false => Spread::Pack,
        }
    }

    pub(super) fn nodes(&self) -> Nodes {
        match self.cdi {
            true => Nodes::ByCdi,
            false => Nodes::ByPath,
        }
    }
}
