//! The device plugin: VFs as devices of kubelet, one resource for each pool.
//!
//! `follow` learns from the agent what is there, `offer` makes resources of it, `kubelet` serves and registers them, and
//! `service` answers for each: by `prefer` which VFs a container should get, by `answer` what it gets with them.
//! What kubelet was told stays true while the agent is away.

mod answer;
#[cfg(test)]
mod fixture;
mod follow;
mod info;
mod kubelet;
mod offer;
mod prefer;
mod registry;
mod service;

use answer::Nodes;
use offer::Offer;
use prefer::Spread;
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::watch;

/// Made of the files in `proto` by `build.rs`.
#[expect(unreachable_pub, reason = "nobody wrote it")]
mod proto {
    /// kubelet and device plugins.
    pub(super) mod plugin {
        tonic::include_proto!("v1beta1");
    }
    /// kubelet and what it finds in its directory of plugins.
    pub(super) mod registration {
        tonic::include_proto!("pluginregistration");
    }
}

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
pub struct Settings {
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

impl Settings {
    fn spread(&self) -> Spread {
        match self.spread {
            true => Spread::Spread,
            false => Spread::Pack,
        }
    }

    fn nodes(&self) -> Nodes {
        match self.cdi {
            true => Nodes::ByCdi,
            false => Nodes::ByPath,
        }
    }
}

/// Serves until the process ends.
pub async fn run(settings: Settings) -> anyhow::Result<Infallible> {
    // None as long as nothing is known: kubelet is not told that there is nothing.
    let (tell, offers) = watch::channel(Arc::new(Offer::default()));
    let settings = Arc::new(settings);
    tokio::select! {
        ended = follow::follow(settings.socket.clone(), tell) => match ended {},
        ended = kubelet::serve(settings.clone(), offers) => ended,
    }
}

/// The journal takes what stands on stderr.
fn say(what: &str) {
    eprintln!("{what}");
}

#[cfg(test)]
mod tests;
