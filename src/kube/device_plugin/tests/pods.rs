//! Pods as a kubelet that is made up knows them and keeps them on disk.

use super::super::proto::pods::pod_resources_lister_server::{
    PodResourcesLister, PodResourcesListerServer,
};
use super::super::proto::pods::{
    ContainerDevices, ContainerResources, ListPodResourcesRequest, ListPodResourcesResponse,
    PodResources,
};
use super::Process;
use futures::stream::unfold;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tokio::net::UnixListener;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

/// Its directory, and each pod's VF.
#[derive(Clone)]
pub(super) struct Pods {
    directory: PathBuf,
    known: Arc<Mutex<BTreeMap<String, String>>>,
}

/// As long as this lives kubelet runs.
pub(super) struct Serving(#[expect(dead_code, reason = "ends when it is dropped")] Process);

impl Pods {
    pub(super) fn new(kubelet: &Path) -> Self {
        fs::create_dir_all(kubelet.join("pods")).unwrap();
        fs::create_dir_all(kubelet.join("device-plugins")).unwrap();
        Self {
            directory: kubelet.to_owned(),
            known: Arc::default(),
        }
    }

    pub(super) fn serve(&self) -> Serving {
        let directory = self.directory.join("pod-resources");
        fs::create_dir_all(&directory).unwrap();
        let socket = directory.join("kubelet.sock");
        let _ = fs::remove_file(&socket);
        let pods = self.clone();
        Serving(Process::new(async move {
            let listener = UnixListener::bind(socket).unwrap();
            let incoming = unfold(listener, async |listener| {
                let stream = listener.accept().await.map(|(stream, _)| stream);
                Some((stream, listener))
            });
            let server = Server::builder().add_service(PodResourcesListerServer::new(pods));
            server.serve_with_incoming(incoming).await.unwrap();
        }))
    }

    /// A pod has the VF, and kubelet wrote that down.
    pub(super) fn come(&self, pod: &str, vf: &str) {
        let mut known = self.known.lock().unwrap();
        known.insert(pod.to_owned(), vf.to_owned());
        let entries = known.iter().map(|(pod, vf)| {
            json!({
                "PodUID": format!("uid-{pod}"), "ContainerName": "box", "ResourceName": "sriovd.io/fast",
                "DeviceIDs": { "-1": [vf] }, "AllocResp": "Cg==",
            })
        });
        let entries: Vec<_> = entries.collect();
        let text = json!({ "Data": { "PodDeviceEntries": entries }, "Checksum": 1 }).to_string();
        let path = self
            .directory
            .join("device-plugins/kubelet_internal_checkpoint");
        fs::write(path, text).unwrap();
        drop(known);
        fs::create_dir_all(self.of(pod)).unwrap();
    }

    fn of(&self, pod: &str) -> PathBuf {
        self.directory.join("pods").join(format!("uid-{pod}"))
    }

    /// kubelet has done with it.
    pub(super) fn go(&self, pod: &str) {
        self.known.lock().unwrap().remove(pod);
        fs::remove_dir(self.of(pod)).unwrap();
    }

    /// It has just started, and the API server is away.
    pub(super) fn forget(&self) {
        self.known.lock().unwrap().clear();
    }
}

#[tonic::async_trait]
impl PodResourcesLister for Pods {
    async fn list(
        &self,
        _: Request<ListPodResourcesRequest>,
    ) -> Result<Response<ListPodResourcesResponse>, Status> {
        let known = self.known.lock().unwrap();
        let pods = known.iter().map(|(pod, vf)| PodResources {
            name: pod.clone(),
            namespace: "default".to_owned(),
            containers: vec![ContainerResources {
                name: "box".to_owned(),
                devices: vec![ContainerDevices {
                    resource_name: "sriovd.io/fast".to_owned(),
                    device_ids: vec![vf.clone()],
                }],
            }],
        });
        Ok(Response::new(ListPodResourcesResponse {
            pod_resources: pods.collect(),
        }))
    }
}
