//! The bridge of a node: what the cluster wants becomes a source of the agent, what the agent knows the node's state in the
//! cluster.
//!
//! `cluster` is what the objects are, `watches` follow them, `agent` follows the agent, `credential` is as whom the
//! cluster is asked; `wish` is put to the agent, and `writer` writes the state. The loop here does one thing at a time, and nothing that is so already.

mod agent;
mod cluster;
mod credential;
mod retry;
mod watches;
mod wish;
mod writer;

use agent::Present;
use anyhow::Context as _;
use credential::Credential;
use kube::{Client, Config};
use retry::{LONGEST, Said};
use sriovd_core::model::ResourcePrefix;
use sriovd_wire::client::Conversation;
use std::convert::Infallible;
use std::path::PathBuf;
use tokio::sync::watch::{Receiver, channel};
use tokio::time::{sleep, sleep_until};
use watches::Scope;
use wish::Wish;
use writer::{Target, Writer};

/// How the bridge runs.
#[derive(Debug, Clone)]
pub struct Options {
    /// The kubelet's; none is the service account of a pod.
    pub kubeconfig: Option<PathBuf>,
    /// The name of the Node; none is that of which the credential is.
    pub node: Option<String>,
    /// Where policies and the node's state are, of the kinds of sriov-network-operator.
    pub namespace: String,
    /// In front of pools whose policy names no other.
    pub resource_prefix: ResourcePrefix,
    /// The agent gets the networks, too.
    pub networks: bool,
    /// Fields of the node's state that another program wrote are written over.
    pub take_over: bool,
    /// The agent's socket.
    pub socket: PathBuf,
}

/// Runs until the process ends: whatever fails is tried again.
pub async fn run(options: Options) -> anyhow::Result<Infallible> {
    let agent = Conversation::new(options.socket.clone());
    let (present, told) = channel(None);
    tokio::spawn(agent::follow(agent.clone(), present));
    let mut bridge = Bridge {
        agent,
        present: told,
        wish: Wish::new(options.resource_prefix.clone()),
        writer: Writer::default(),
    };
    let (mut said, mut failures) = (Said::default(), 0);
    loop {
        let mut credential = Credential::wait_for(options.kubeconfig.as_deref()).await;
        let config = credential.config.clone();
        let serve = async {
            let Err(error) = bridge.serve(config, &options).await;
            said.say(format!("{error:#}"));
            failures += 1;
            sleep(retry::delay(failures, LONGEST)).await;
        };
        tokio::select! {
            () = credential.changed() => failures = 0,
            () = serve => {}
        }
    }
}

struct Bridge {
    agent: Conversation,
    present: Receiver<Option<Present>>,
    wish: Wish,
    writer: Writer,
}

impl Bridge {
    /// As long as the credential lasts.
    async fn serve(&mut self, config: Config, options: &Options) -> anyhow::Result<Infallible> {
        let client = Client::try_from(config).context("the credential cannot be used")?;
        let node = match &options.node {
            Some(node) => node.clone(),
            None => credential::node_name(&client)
                .await
                .context("cannot ask the API server which node this is")?,
        };
        let scope = Scope {
            node,
            namespace: options.namespace.clone(),
            networks: options.networks,
        };
        let (cluster, mut told) = channel(scope.cluster());
        let _watches = scope.follow(&client, &cluster);
        self.wish.begin_anew();
        let target = Target {
            client,
            scope,
            take_over: options.take_over,
            cluster,
        };
        loop {
            let cluster = told.borrow_and_update().clone();
            let present = *self.present.borrow_and_update();
            let mut due = None;
            if let Some(present) = present {
                let put = self.wish.put(&self.agent, present, &cluster).await;
                let inputs = (present, &cluster, self.wish.without_effect());
                let written = self.writer.write(&target, &self.agent, inputs).await;
                due = put.into_iter().chain(written).min();
            }
            let is_due = async {
                match due {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = told.changed() => changed.context("nothing follows the cluster")?,
                changed = self.present.changed() => changed.context("nothing follows sriovd")?,
                () = is_due => {}
            }
        }
    }
}
