//! A kubelet that takes registrations as the real one does, and remembers every list that it gets.

use super::super::proto::plugin::device_plugin_client::DevicePluginClient;
use super::super::proto::plugin::registration_server::{Registration, RegistrationServer};
use super::super::proto::plugin::{DeviceList, Empty, RegisterRequest};
use super::Process;
use futures::stream::unfold;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tokio::net::UnixListener;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status};

/// What a stream that ended is remembered as.
pub(super) const ENDED: &str = "ended";

type Lists = Arc<Mutex<BTreeMap<String, Vec<String>>>>;

pub(super) struct Kubelet {
    lists: Lists,
    _process: Process,
}

#[derive(Clone)]
struct Manager {
    directory: PathBuf,
    lists: Lists,
}

impl Kubelet {
    /// Removes all sockets of the directory first.
    pub(super) fn start(directory: &Path) -> Self {
        fs::create_dir_all(directory).unwrap();
        for entry in fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_socket() {
                fs::remove_file(entry.path()).unwrap();
            }
        }
        let lists = Lists::default();
        let manager = Manager {
            directory: directory.to_owned(),
            lists: lists.clone(),
        };
        let process = Process::new(async move {
            let listener = UnixListener::bind(manager.directory.join("kubelet.sock")).unwrap();
            let incoming = unfold(listener, async |listener| {
                let stream = listener.accept().await.map(|(stream, _)| stream);
                Some((stream, listener))
            });
            let server = Server::builder().add_service(RegistrationServer::new(manager));
            server.serve_with_incoming(incoming).await.unwrap();
        });
        Self {
            lists,
            _process: process,
        }
    }

    /// Every list of the resource, the oldest first: ids, those of sick devices in brackets.
    pub(super) fn lists(&self, resource: &str) -> Vec<String> {
        let lists = self.lists.lock().unwrap();
        lists.get(resource).cloned().unwrap_or_default()
    }
}

pub(super) async fn connect(socket: &Path) -> DevicePluginClient<Channel> {
    let endpoint = Endpoint::from_shared(format!("unix://{}", socket.display())).unwrap();
    DevicePluginClient::new(endpoint.connect().await.unwrap())
}

#[tonic::async_trait]
impl Registration for Manager {
    async fn register(&self, asked: Request<RegisterRequest>) -> Result<Response<Empty>, Status> {
        let asked = asked.into_inner();
        assert_eq!(asked.version, "v1beta1");
        assert!(asked.options.unwrap().pre_start_required);
        let mut plugin = connect(&self.directory.join(&asked.endpoint)).await;
        let options = plugin
            .get_device_plugin_options(Empty {})
            .await?
            .into_inner();
        assert!(options.get_preferred_allocation_available);
        let lists = self.lists.clone();
        tokio::spawn(async move {
            let remember = |what: String| {
                let mut lists = lists.lock().unwrap();
                lists
                    .entry(asked.resource_name.clone())
                    .or_default()
                    .push(what);
            };
            let mut stream = plugin.list_and_watch(Empty {}).await.unwrap().into_inner();
            while let Ok(Some(list)) = stream.message().await {
                remember(shown(&list));
            }
            remember(ENDED.to_owned());
        });
        Ok(Response::new(Empty {}))
    }
}

fn shown(list: &DeviceList) -> String {
    let device = list.devices.iter().map(|device| match &*device.health {
        "Healthy" => device.id.clone(),
        other => format!("({} {other})", device.id),
    });
    device.collect::<Vec<_>>().join(" ")
}
