//! What kubelet knows of pods with VFs, and what it keeps on disk of them.
//!
//! kubelet lists the pods that it knows: none as long as it starts and the API server is away, and of their containers not those
//! that only initialise. What it gave away is in its checkpoint, with the pod's UID, until it gives away more. The pod's
//! directory goes when kubelet has done with the pod. So a VF is free when neither says that a pod has it.

use super::proto::pods::ListPodResourcesRequest;
use super::proto::pods::pod_resources_lister_client::PodResourcesListerClient;
use anyhow::Context as _;
use futures::Stream;
use inotify::{Inotify, WatchMask};
use serde::Deserialize;
use sriovd_core::model::{KubeletAllocation, PciAddress, PodContainer};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::time::timeout;
use tonic::transport::Endpoint;

/// kubelet is asked for what it has in memory.
const PATIENCE: Duration = Duration::from_secs(10);

/// kubelet's directory.
#[derive(Debug, Clone)]
pub(super) struct Pods(PathBuf);

/// What is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct OnDisk {
    /// The UIDs of pods that have a directory.
    pub(super) directories: BTreeSet<String>,
    /// The devices of each container; none where kubelet's checkpoint is not understood.
    pub(super) given: Option<Vec<Given>>,
}

/// A device that kubelet gave to a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Given {
    /// The pod's UID.
    pub(super) pod: String,
    /// The resource.
    pub(super) resource: String,
    /// The device.
    pub(super) vf: PciAddress,
}

/// kubelet's `kubelet_internal_checkpoint`, as far as it is read.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Checkpoint {
    data: Data,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Data {
    pod_device_entries: Option<Vec<Entry>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    #[serde(rename = "PodUID")]
    pod: String,
    resource_name: String,
    /// By NUMA node.
    #[serde(rename = "DeviceIDs")]
    devices: Option<BTreeMap<String, Option<Vec<String>>>>,
}

impl Pods {
    pub(super) fn new(kubelet: PathBuf) -> Self {
        Self(kubelet)
    }

    fn socket(&self) -> PathBuf {
        self.0.join("pod-resources/kubelet.sock")
    }

    /// Told whenever kubelet starts, and whenever a pod comes or goes, from now on.
    pub(super) fn changes(&self) -> anyhow::Result<impl Stream + Unpin + use<>> {
        let inotify = Inotify::init().context("cannot watch kubelet's directories")?;
        let come_and_go = WatchMask::CREATE | WatchMask::DELETE | WatchMask::MOVE;
        for place in [self.0.join("pods"), self.0.join("pod-resources")] {
            // What is missing is made in a directory that is watched.
            for directory in place.ancestors() {
                match inotify.watches().add(directory, come_and_go) {
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    watched => {
                        let what = || format!("cannot watch {}", directory.display());
                        watched.with_context(what)?;
                        break;
                    }
                }
            }
        }
        let changes = inotify.into_event_stream(vec![0; 4096]);
        changes.context("cannot watch kubelet's directories")
    }

    /// The VFs of the containers that kubelet knows. `None`: it does not run.
    pub(super) async fn listed(&self) -> anyhow::Result<Option<Vec<KubeletAllocation>>> {
        let socket = self.socket();
        match UnixStream::connect(&socket).await {
            Ok(_) => {}
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::NotFound | ErrorKind::ConnectionRefused
                ) =>
            {
                return Ok(None);
            }
            Err(error) => {
                return Err(error).with_context(|| format!("cannot reach {}", socket.display()));
            }
        }
        let list = async {
            let endpoint = Endpoint::from_shared(format!("unix://{}", socket.display()))?;
            // Of more than a hundred pods.
            let mut kubelet = PodResourcesListerClient::new(endpoint.connect().await?)
                .max_decoding_message_size(16 << 20);
            let answer = kubelet.list(ListPodResourcesRequest {}).await;
            answer.map_err(|status| anyhow::anyhow!("{}", status.message()))
        };
        let answer = timeout(PATIENCE, list).await.context("it does not answer");
        let answer = answer.and_then(|answer| answer);
        let answer = answer.context("kubelet does not tell which pods have which devices")?;
        let mut listed = Vec::new();
        for pod in answer.into_inner().pod_resources {
            for container in pod.containers {
                let of = PodContainer {
                    namespace: pod.namespace.clone(),
                    pod: pod.name.clone(),
                    container: container.name,
                };
                for devices in container.devices {
                    let vfs = devices.device_ids.iter().filter_map(|id| id.parse().ok());
                    listed.extend(vfs.map(|vf| KubeletAllocation {
                        vf,
                        resource: devices.resource_name.clone(),
                        container: Some(of.clone()),
                    }));
                }
            }
        }
        Ok(Some(listed))
    }

    /// Blocks. An error says nothing of any pod.
    pub(super) fn on_disk(&self) -> anyhow::Result<OnDisk> {
        let pods = self.0.join("pods");
        let mut directories = BTreeSet::new();
        let mut entries = || -> io::Result<()> {
            for entry in fs::read_dir(&pods)? {
                directories.extend(entry?.file_name().into_string());
            }
            Ok(())
        };
        let listed = unless_absent(entries());
        listed.with_context(|| format!("cannot list {}", pods.display()))?;
        let path = self.0.join("device-plugins/kubelet_internal_checkpoint");
        let text = unless_absent(fs::read(&path));
        let text = text.with_context(|| format!("cannot read {}", path.display()))?;
        let given = text.map_or(Some(Vec::new()), |text| given(&text));
        Ok(OnDisk { directories, given })
    }

    /// For a message.
    pub(super) fn checkpoint(&self) -> impl std::fmt::Display + use<> {
        let path: &Path = &self.0;
        path.join("device-plugins/kubelet_internal_checkpoint")
            .display()
            .to_string()
    }
}

fn unless_absent<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}

fn given(checkpoint: &[u8]) -> Option<Vec<Given>> {
    let checkpoint: Checkpoint = serde_json::from_slice(checkpoint).ok()?;
    let mut given = Vec::new();
    for entry in checkpoint.data.pod_device_entries.into_iter().flatten() {
        let devices = entry.devices.into_iter().flatten();
        let ids = devices.flat_map(|(_, ids)| ids).flatten();
        given.extend(ids.filter_map(|id| id.parse().ok()).map(|vf| Given {
            pod: entry.pod.clone(),
            resource: entry.resource_name.clone(),
            vf,
        }));
    }
    Some(given)
}

#[cfg(test)]
mod tests;
