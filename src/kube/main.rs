//! The bridge's arguments.

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use sd_notify::NotifyState;
use serde_json::Value;
use sriovd_core::model::ResourcePrefix;
use sriovd_kube::controller;
use sriovd_kube::crd::RESOURCE_PREFIX;
use sriovd_kube::device_plugin::{self, PluginSettings};
use sriovd_kube::install_cni::InstallCni;
use sriovd_kube::node::{self, Options};
use sriovd_kube::wanted::{ThisNode, wanted};
use sriovd_wire::settings::SOCKET;
use std::convert::Infallible;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

/// sriovd in a Kubernetes cluster.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the custom resource definitions, for `kubectl apply -f -`
    Crds,
    /// Print what a node is asked for, as the source that its agent gets
    ///
    /// Reads what `kubectl get -o json` prints, from standard input: the Node, policies and networks.
    Source {
        /// The name of the Node
        node: String,
        #[command(flatten)]
        pools: Pools,
    },
    /// Do what one process does for the whole cluster: NetworkAttachmentDefinitions, what became of policies
    Controller(controller::Arguments),
    /// Put the CNI plugin into a directory of the host, as a whole, and only where another one is or none
    InstallCni(InstallCni),
    /// Offer the VFs of this node to kubelet, a resource for each pool
    DevicePlugin(PluginSettings),
    /// Connect the agent of this node with the cluster: policies become its source, what it knows the node's state
    Node {
        /// The kubelet's kubeconfig; without it, the service account of this pod
        #[arg(long)]
        kubeconfig: Option<PathBuf>,
        /// The name of the Node; else NODE_NAME, else that of the node whose credential it is
        #[arg(long)]
        node: Option<String>,
        /// Where policies and the node's state are
        #[arg(long, default_value = "sriov-network-operator")]
        namespace: String,
        #[command(flatten)]
        pools: Pools,
        /// Give the agent the networks, too: it makes CNI configurations of the host of them
        #[arg(long)]
        networks: bool,
        /// Write over fields of the node's state that another program wrote
        #[arg(long)]
        take_over: bool,
        /// The agent's socket
        #[arg(long, default_value = SOCKET)]
        socket: PathBuf,
    },
}

/// How pools are called that are not called otherwise.
#[derive(Debug, Args)]
struct Pools {
    /// In front of pools whose policy names no other; the controller must be told the same
    #[arg(long, env = "RESOURCE_PREFIX", value_name = "DOMAIN", default_value = RESOURCE_PREFIX)]
    resource_prefix: ResourcePrefix,
}

fn main() -> ExitCode {
    let Arguments { command } = Arguments::parse();
    let done = match command {
        Command::Crds => print_crds(),
        Command::Source { node, pools } => print_source(&node, &pools.resource_prefix),
        Command::InstallCni(install) => install.run(),
        Command::Controller(arguments) => controller::start(arguments),
        Command::DevicePlugin(settings) => serve(device_plugin::run(settings)),
        Command::Node {
            kubeconfig,
            node,
            namespace,
            pools,
            networks,
            take_over,
            socket,
        } => follow(Options {
            kubeconfig,
            node: node.or_else(|| std::env::var("NODE_NAME").ok()),
            namespace,
            resource_prefix: pools.resource_prefix,
            networks,
            take_over,
            socket,
        }),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn follow(options: Options) -> anyhow::Result<()> {
    // A service manager that does not listen is none.
    let _ = sd_notify::notify(&[NotifyState::Ready]);
    serve(node::run(options))
}

/// Until it fails, on this thread.
fn serve(work: impl Future<Output = anyhow::Result<Infallible>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match runtime.block_on(work)? {}
}

fn print_crds() -> anyhow::Result<()> {
    let text = sriovd_kube::crd::all_as_yaml()?;
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

fn print_source(name: &str, prefix: &ResourcePrefix) -> anyhow::Result<()> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let mut list: Value = serde_json::from_str(&text).context("standard input is not JSON")?;
    let objects = match list["items"].take() {
        Value::Array(items) => items,
        _ => anyhow::bail!("standard input is no list of objects: it has no \"items\""),
    };
    let nodes = objects.iter().filter(|object| object["kind"] == "Node");
    let node = nodes
        .filter_map(ThisNode::of)
        .find(|node| node.name == name);
    let node = node.with_context(|| format!("no Node is called {name:?} there"))?;
    let wanted = wanted(&node, &objects, prefix);
    for concerned in &wanted.objects {
        for remark in &concerned.remarks {
            eprintln!("{}: {remark}", concerned.object);
        }
    }
    writeln!(std::io::stdout(), "{:#}", wanted.source)?;
    Ok(())
}
