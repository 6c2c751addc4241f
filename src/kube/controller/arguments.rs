//! What the controller is told on its command line.

use super::connect::connect;
use super::decide::Settings;
use super::run::run;
use crate::crd::RESOURCE_PREFIX;
use anyhow::Context as _;
use clap::Args;
use sriovd_core::model::ResourcePrefix;
use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::process;
use std::time::Duration;

/// What the controller is told.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Where policies, node states and the Lease are
    #[arg(long, value_name = "NAME", default_value = "sriov-network-operator")]
    namespace: String,
    /// In front of pools whose policy names no other
    #[arg(long, env = "RESOURCE_PREFIX", value_name = "DOMAIN", default_value = RESOURCE_PREFIX)]
    resource_prefix: ResourcePrefix,
    /// Write also what sriov-network-operator made of networks, which must not run any more
    #[arg(long)]
    take_over: bool,
    /// How long to keep the state of a node that is gone
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = humantime::parse_duration)]
    keep_node_states: Duration,
    /// Its name among controllers, of which one leads; by default host name and process id
    #[arg(long, value_name = "NAME")]
    identity: Option<String>,
    /// How to reach the API server; by default as a pod does, or as kubectl
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
}

/// Runs until it is told to end.
#[tokio::main(flavor = "current_thread")]
pub async fn start(arguments: Arguments) -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|_| "info".into()))
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
    let client = connect(arguments.kubeconfig.as_deref()).await?;
    let settings = Settings {
        namespace: arguments.namespace,
        resource_prefix: arguments.resource_prefix.to_string(),
        take_over: arguments.take_over,
        keep_states: arguments.keep_node_states,
    };
    let identity = match arguments.identity {
        Some(identity) => identity,
        None => {
            let file = "/proc/sys/kernel/hostname";
            let host = fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
            // Pods have names of their own; two processes of one host have not.
            format!("{}-{}", host.trim(), process::id())
        }
    };
    run(client, settings, identity).await
}
