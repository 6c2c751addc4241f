//! A coordinator that only writes down what it is asked for, with the API over a real socket.

use crate::api::Limits;
use crate::api::bind;
use crate::api::context::Api;
use crate::api::peer::Peer;
use crate::api::server::serve_with;
use crate::api::{Feed, Kubelet, Request, Sources, State, View};
use crate::load::FileState;
use serde_json::Value;
use sriovd_core::host::{Host, Look};
use sriovd_core::memory::Memory;
use sriovd_core::model::world::World;
use sriovd_core::model::{Node, PciAddress};
use sriovd_core::policy::diagnostic::Severity;
use sriovd_core::policy::network::{Description, NetworkBody, PluginType};
use sriovd_core::policy::resolve::resolve;
use sriovd_core::policy::source::{ItemFault, ItemKind, ItemReport, ItemState, SourceReport};
use sriovd_core::policy::{Network, Origin, PolicySet};
use sriovd_core::report::{KnownPf, PfReport, PfState, Seen, Status};
use sriovd_host::file::apart::Apart;
use sriovd_sim::{DriverModel, SimHost, SimPf, sample};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, watch};

pub(super) const PF: &str = "0000:3b:00.0";
pub(super) const BRIEF: Limits = Limits {
    connections: 1,
    patience: Duration::from_millis(200),
    look: Duration::from_millis(200),
};
pub(super) const ROOMY: Limits = Limits {
    connections: 8,
    patience: Duration::from_secs(60),
    look: Duration::from_secs(60),
};

pub(super) struct Daemon {
    directory: tempfile::TempDir,
    socket: PathBuf,
    pub(super) feed: Feed,
    asked: Arc<Mutex<Vec<String>>>,
    pub(super) view: watch::Sender<Arc<View>>,
}

impl Daemon {
    pub(super) fn start(limits: Limits) -> Self {
        let host = SimHost::default();
        host.plug(SimPf::new(PF.parse().unwrap(), DriverModel::IGB));
        Self::with(Arc::new(host), limits, Peer::of, Status::default())
    }

    pub(super) fn with(
        host: Arc<dyn Host>,
        limits: Limits,
        who: fn(&UnixStream) -> Peer,
        mut status: Status,
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("run/sriovd.sock");
        let (requests, asked) = (mpsc::channel(4), Arc::default());
        status.pfs.push(PfReport {
            interface: Some("ens59".to_owned()),
            state: PfState::Ready,
            policies: vec!["few".parse().unwrap()],
            ..PfReport::unseen(PF.parse().unwrap())
        });
        let view = known(&*host, status);
        let (sender, receiver) = watch::channel(Arc::new(view));
        tokio::spawn(coordinate(requests.1, Arc::clone(&asked)));
        let listener = bind(&socket).unwrap();
        let feed = Feed::new().unwrap();
        let state = State {
            view: receiver,
            host,
            memory: Arc::new(Memory::default()),
            requests: requests.0,
            feed: feed.clone(),
            admin_group: None,
            sources: Sources::new(directory.path().join("sources.d"), Apart::default()),
            kubelet: Kubelet::new(directory.path().to_owned(), Apart::default()),
        };
        tokio::spawn(serve_with(listener, Api::new(state, limits), who));
        Self {
            directory,
            socket,
            feed,
            asked,
            view: sender,
        }
    }

    pub(super) async fn connect(&self) -> UnixStream {
        UnixStream::connect(&self.socket).await.unwrap()
    }

    /// The status, the content type and the body of the answer.
    pub(super) async fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String, Value) {
        let length = body.len();
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
        let mut stream = self.connect().await;
        stream.write_all(head.as_bytes()).await.unwrap();
        // It may answer without reading a body that is too large.
        let _ = stream.write_all(body.as_bytes()).await;
        answer(stream).await
    }

    pub(super) async fn status_of(&self, method: &str, path: &str) -> u16 {
        let mut stream = self.connect().await;
        let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        text(stream).await.0
    }

    /// The content type and the body of what can be read.
    pub(super) async fn get_text(&self, path: &str) -> (String, String) {
        let mut stream = self.connect().await;
        let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let (status, kind, body) = text(stream).await;
        assert_eq!(status, 200, "{body}");
        (kind, body)
    }

    /// Where its host's files are.
    pub(super) fn root(&self) -> &Path {
        self.directory.path()
    }

    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// What a daemon knows of the host.
fn known(host: &dyn Host, status: Status) -> View {
    let policy = sriovd_core::policy::Policy {
        num_vfs: Some(sriovd_core::policy::NumVfs::Count(3)),
        resource: Some("few".parse().unwrap()),
        ..sample::policy("few".parse().unwrap())
    };
    let policies = PolicySet {
        policies: vec![policy],
        networks: vec![network()],
    };
    let pf = host.observe(PF.parse().unwrap(), Look::Plain).unwrap();
    let seen = pf.map(|pf| {
        let resolution = resolve(&policies, &Node::default(), &pf);
        Arc::new(Seen {
            pf,
            resolution,
            problems: Vec::new(),
        })
    });
    let pfs = seen.into_iter().map(|seen| {
        let pf = KnownPf {
            address: seen.pf.address,
            allocated: host.allocated(&seen.pf).unwrap(),
            seen: Some(seen),
            problems: Vec::new(),
        };
        (pf.address, Arc::new(pf))
    });
    let world = World::default().next("as-set", false, pfs.collect());
    View {
        world: Arc::new(world.unwrap()),
        status: Arc::new(status),
        node: Arc::new(Node {
            hostname: "as-set".to_owned(),
            ..Node::default()
        }),
        policies: Arc::new(policies),
        sources: Arc::new(vec![source()]),
    }
}

pub(super) async fn coordinate(
    mut requests: mpsc::Receiver<Request>,
    asked: Arc<Mutex<Vec<String>>>,
) {
    while let Some(request) = requests.recv().await {
        match request {
            Request::Settle { done } => drop(done.send(())),
            Request::Pause { scope, pause, done } => {
                let for_ever = pause.until.is_none();
                let said = format!("pause {scope:?} by {} for ever {for_ever}", pause.by);
                asked.lock().unwrap().push(said);
                let _ = done.send(Ok(()));
            }
            Request::Resume { scope, by, done } => {
                asked
                    .lock()
                    .unwrap()
                    .push(format!("resume {scope:?} by {by}"));
                let _ = done.send(Err("no space left".to_owned()));
            }
            Request::Apply {
                pfs,
                by_name,
                force,
                by,
                done,
            } => {
                let pfs: Vec<_> = pfs.iter().map(ToString::to_string).collect();
                let said = format!(
                    "apply {} named {by_name} force {force} by {by}",
                    pfs.join(",")
                );
                asked.lock().unwrap().push(said);
                let _ = done.send(Vec::new());
            }
            Request::Reload { by, done } => {
                asked.lock().unwrap().push(format!("reload by {by}"));
                let _ = done.send(());
            }
        }
    }
}

pub(super) async fn answer(stream: UnixStream) -> (u16, String, Value) {
    let (status, kind, body) = text(stream).await;
    (status, kind, serde_json::from_str(&body).expect(&body))
}

async fn text(mut stream: UnixStream) -> (u16, String, String) {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").expect(&text);
    let status = head[9..12].parse().unwrap();
    let kind = head
        .lines()
        .find_map(|line| line.strip_prefix("content-type: "));
    (status, kind.unwrap_or_default().to_owned(), body.to_owned())
}

pub(super) fn pf() -> PciAddress {
    PF.parse().unwrap()
}

pub(super) fn me() -> String {
    format!("user {}", rustix::process::geteuid().as_raw())
}

pub(super) fn a_stranger(_: &UnixStream) -> Peer {
    let me = rustix::process::geteuid().as_raw();
    Peer::User {
        uid: me.max(1) + 1,
        gid: me.max(1) + 1,
    }
}

/// One with everything that can be said of a source.
fn source() -> SourceReport {
    let fault = ItemFault {
        severity: Severity::Error,
        pointer: "/policy/0/trust".to_owned(),
        message: "bad value".to_owned(),
        expected: Some("true or false".to_owned()),
        suggestion: Some("write true without quotation marks".to_owned()),
    };
    SourceReport {
        name: "kube".parse().unwrap(),
        state: FileState::PartlyBroken {
            broken: 1,
            of: 1,
            kept: 1,
        },
        faults: vec![fault.clone()],
        items: vec![ItemReport {
            kind: ItemKind::Policy,
            name: Some("few".to_owned()),
            origin: Some("SriovNetworkNodePolicy sriov-system/few".to_owned()),
            state: ItemState::KeptLastGood,
            faults: vec![fault],
            wanted: Some(serde_json::json!({"name": "few", "trust": "true"})),
        }],
        text: None,
    }
}

fn network() -> Network {
    Network {
        name: "f1-u".parse().unwrap(),
        origin: Origin::File {
            file: "/etc/sriov.d/10-a.toml".into(),
            line: 9,
        },
        resource: Some("few".parse().unwrap()),
        namespace: None,
        body: NetworkBody::Described(Box::new(Description {
            plugin: PluginType::Sriov,
            cni_version: "1.0.0".to_owned(),
            settings: Default::default(),
            mac: None,
            capabilities: Default::default(),
            ipam: None,
            meta_plugins: Vec::new(),
            plugin_config: Default::default(),
        })),
    }
}
