//! The API of vf-operator, REST and gRPC, for programs that know it.
//!
//! A bridge: it stands on the agent's socket alone. What they ask for becomes the items of one source,
//! which are in force like policy files and survive restarts. The source is all there is to remember:
//! what they read back is read from it.
#![warn(missing_docs)]

mod agent;
mod attachment;
mod config;
mod grpc;
mod posted;
mod refusal;
mod resource;
mod rest;
mod service;

/// Made of `networkservice.proto` by `build.rs`.
#[expect(unreachable_pub, reason = "nobody wrote it")]
mod proto {
    tonic::include_proto!("networkservice");
    include!(concat!(env!("OUT_DIR"), "/networkservice.serde.rs"));

    pub(super) const DESCRIPTORS: &[u8] =
        include_bytes!(concat!(env!("OUT_DIR"), "/networkservice.bin"));
}

use anyhow::Context;
use service::Service;
use sriovd_wire::settings::{Place, VfOperator};
use sriovd_wire::socket;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use tokio::net::{TcpListener, UnixListener};

/// Listening, so that what asks from now on is answered.
#[derive(Debug)]
pub struct Listeners {
    /// For REST with JSON.
    pub rest: Listener,
    /// For gRPC.
    pub grpc: Listener,
}

/// Where clients come from. Which of them may change things depends on this.
#[derive(Debug)]
pub enum Listener {
    /// Every client that reaches it.
    Tcp(TcpListener),
    /// Clients that may do so through the agent's own socket.
    Unix(UnixListener),
}

impl Listener {
    /// Paths are below `root`.
    async fn bind(root: &Path, place: &Place) -> anyhow::Result<Self> {
        match place {
            Place::Socket(path) => socket::bind(&under(root, path)).map(Self::Unix),
            Place::Local(address) => {
                let listener = TcpListener::bind(address).await;
                listener
                    .map(Self::Tcp)
                    .with_context(|| format!("cannot listen on {address}"))
            }
        }
    }
}

/// An absolute path as it is below a root directory.
pub fn under(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

impl Listeners {
    /// Where the settings want it.
    pub async fn bind(root: &Path, settings: &VfOperator) -> anyhow::Result<Self> {
        Ok(Self {
            rest: Listener::bind(root, &settings.rest).await?,
            grpc: Listener::bind(root, &settings.grpc).await?,
        })
    }

    /// `agent` is the socket where the agent answers. Members of `admin_group` may change what others may only read.
    pub async fn serve(
        self,
        agent: PathBuf,
        admin_group: Option<String>,
    ) -> anyhow::Result<Infallible> {
        let service = Service::new(agent, admin_group);
        tokio::select! {
            ended = rest::serve(self.rest, service.clone()) => ended,
            ended = grpc::serve(self.grpc, service) => ended,
        }
    }
}

#[cfg(test)]
mod tests;
