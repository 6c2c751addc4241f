//! The connection to the API server.

use anyhow::Context as _;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use std::path::Path;

/// By a kubeconfig, or else as a pod does it, or as kubectl.
pub(super) async fn connect(kubeconfig: Option<&Path>) -> anyhow::Result<Client> {
    let config = match kubeconfig {
        Some(file) => {
            let shown = file.display();
            let kubeconfig =
                Kubeconfig::read_from(file).with_context(|| format!("cannot use {shown}"))?;
            let options = KubeConfigOptions::default();
            Config::from_custom_kubeconfig(kubeconfig, &options)
                .await
                .with_context(|| format!("cannot use {shown}"))?
        }
        None => Config::infer()
            .await
            .context("there is no way to the API server")?,
    };
    Client::try_from(config).context("cannot connect to the API server")
}
