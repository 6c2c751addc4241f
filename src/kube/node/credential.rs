//! As whom the node speaks: the kubelet's kubeconfig, or the service account of a pod. Files that are replaced are read
//! again.

use super::retry::{LONGEST, Said};
use anyhow::Context as _;
use futures::StreamExt as _;
use inotify::{EventStream, Inotify, WatchMask};
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::api::{Api, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use tokio::time::{sleep, timeout};

/// What a client is made of, and the files that it comes from.
pub(super) struct Credential {
    pub(super) config: Config,
    files: Contents,
    events: EventStream<Vec<u8>>,
}

type Contents = BTreeMap<PathBuf, Vec<u8>>;

/// A file is written anew, or another is put in its place.
const CHANGES: WatchMask = WatchMask::CLOSE_WRITE
    .union(WatchMask::CREATE)
    .union(WatchMask::MOVED_TO)
    .union(WatchMask::DELETE_SELF);

impl Credential {
    /// Waits until it can be read. Without a kubeconfig it is the service account of the pod.
    pub(super) async fn wait_for(kubeconfig: Option<&Path>) -> Self {
        let mut said = Said::default();
        loop {
            let files = kubeconfig.map(files_of).unwrap_or_default();
            // First, so that what is replaced while it is read is told of.
            let mut events = match events(&files) {
                Ok(events) => events,
                Err(error) => {
                    said.say(format!("cannot watch the files of the credential: {error}"));
                    sleep(LONGEST).await;
                    continue;
                }
            };
            let read = match kubeconfig {
                Some(kubeconfig) => of_file(kubeconfig, &files).await,
                None => of_pod(),
            };
            match read {
                Ok((config, files)) => {
                    return Self {
                        config,
                        files,
                        events,
                    };
                }
                Err(error) => said.say(format!("no credential yet: {error:#}")),
            }
            let _ = timeout(LONGEST, events.next()).await;
        }
    }

    /// Returns when its files are others. What cannot be read has not changed.
    pub(super) async fn changed(&mut self) {
        let files: Vec<PathBuf> = self.files.keys().cloned().collect();
        while self.events.next().await.is_some() {
            if contents(&files).is_ok_and(|now| now != self.files) {
                return;
            }
        }
        std::future::pending::<()>().await;
    }
}

async fn of_file(kubeconfig: &Path, files: &[PathBuf]) -> anyhow::Result<(Config, Contents)> {
    let contents = contents(files)?;
    let read = Kubeconfig::read_from(kubeconfig)?;
    let config = Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await;
    let config = config.with_context(|| format!("{} cannot be used", kubeconfig.display()))?;
    Ok((config, contents))
}

/// kube reads the token again when it is replaced.
fn of_pod() -> anyhow::Result<(Config, Contents)> {
    let config = Config::incluster();
    let config = config.context("this is no pod with a service account; give --kubeconfig")?;
    Ok((config, Contents::new()))
}

/// The name of the node that the server takes us for.
pub(super) async fn node_name(client: &Client) -> anyhow::Result<String> {
    let reviews: Api<SelfSubjectReview> = Api::all(client.clone());
    let review = SelfSubjectReview::default();
    let review = reviews.create(&PostParams::default(), &review).await?;
    let user = review.status.and_then(|it| it.user_info);
    let user = user.unwrap_or_default();
    let of_token = user.extra.unwrap_or_default();
    let of_token = of_token.get("authentication.kubernetes.io/node-name");
    let of_token = of_token.and_then(|it| it.first()).map(String::as_str);
    let name = user.username.unwrap_or_default();
    let node = name.strip_prefix("system:node:").or(of_token);
    let node = node.with_context(|| format!("{name} is the user of no node; give --node"))?;
    Ok(node.to_owned())
}

/// The kubeconfig, and the files that it names if it can be read.
fn files_of(kubeconfig: &Path) -> Vec<PathBuf> {
    let mut files = vec![kubeconfig.to_owned()];
    let Ok(read) = Kubeconfig::read_from(kubeconfig) else {
        return files;
    };
    let clusters = read.clusters.into_iter().filter_map(|it| it.cluster);
    files.extend(
        clusters
            .filter_map(|it| it.certificate_authority)
            .map(PathBuf::from),
    );
    let users = read.auth_infos.into_iter().filter_map(|it| it.auth_info);
    let named = users.flat_map(|it| [it.client_certificate, it.client_key]);
    files.extend(named.flatten().map(PathBuf::from));
    files
}

fn contents(files: &[PathBuf]) -> anyhow::Result<Contents> {
    let read = |file: &PathBuf| {
        let text = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        Ok((file.clone(), text))
    };
    files.iter().map(read).collect()
}

/// What happens in their directories, or where those are not there, above them.
fn events(files: &[PathBuf]) -> io::Result<EventStream<Vec<u8>>> {
    let inotify = Inotify::init()?;
    for file in files {
        for directory in file.ancestors().skip(1) {
            match inotify.watches().add(directory, CHANGES) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                added => {
                    added?;
                    break;
                }
            }
        }
    }
    inotify.into_event_stream(vec![0; 4096])
}

#[cfg(test)]
mod tests;
