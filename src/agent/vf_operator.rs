//! The API of vf-operator, REST and gRPC, for programs that know it.
//!
//! What they ask for becomes policy files in a directory of its own, which are in force like any
//! other and survive restarts. The directory is all there is to remember: what they read back is
//! read from its files.
#![warn(missing_docs)]

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

use crate::api::State;
use service::Service;
use std::convert::Infallible;
use std::path::PathBuf;
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

impl Listeners {
    /// `directory` is where policy files are put.
    pub async fn serve(self, directory: PathBuf, state: State) -> anyhow::Result<Infallible> {
        let service = Service::new(directory, state);
        tokio::select! {
            ended = rest::serve(self.rest, service.clone()) => ended,
            ended = grpc::serve(self.grpc, service) => ended,
        }
    }
}

#[cfg(test)]
mod tests;
