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
mod listener;
mod posted;
#[expect(unreachable_pub, reason = "nobody wrote it")]
mod proto;
mod refusal;
mod resource;
mod rest;
mod service;

pub use listener::{Listener, under};
use service::Service;
use sriovd_wire::settings::VfOperator;
use std::convert::Infallible;
use std::path::{Path, PathBuf};

/// Listening, so that what asks from now on is answered.
#[derive(Debug)]
pub struct Listeners {
    /// For REST with JSON.
    pub rest: Listener,
    /// For gRPC.
    pub grpc: Listener,
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
