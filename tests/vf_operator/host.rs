//! A simulated host behind the API: policies are read and passed as the daemon does.

use serde_json::Value;
use sriovd::api::{Feed, Request, State, View};
use sriovd::model::{HostSnapshot, PciAddress};
use sriovd::policy::load::{self, LastGood, Loaded, Trust};
use sriovd::policy::resolve::{Resolution, resolve};
use sriovd::render::{self, assign, pools};
use sriovd::report::{FileReport, NetworkReport, Seen, Status};
use sriovd::sim::agent::SimAgent;
use sriovd::sim::{DriverModel, SimHost, SimPf};
use sriovd::vf_operator::Listeners;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

pub const PF: &str = "0000:02:00.0";

pub struct Host {
    directory: TempDir,
    pub rest: SocketAddr,
    pub grpc: SocketAddr,
}

impl Host {
    /// One igb NIC called eth3.
    pub fn start() -> Self {
        Self::with_policy("")
    }

    /// With a file of the administrator.
    pub fn with_policy(policy: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let written = directory.path().join("sriov.d");
        fs::create_dir(&written).unwrap();
        fs::write(written.join("10-own.toml"), policy).unwrap();
        let (addresses, told) = std::sync::mpsc::channel();
        let path = directory.path().to_owned();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(serve(&path, &addresses));
        });
        let (rest, grpc) = told.recv().unwrap();
        Self {
            directory,
            rest,
            grpc,
        }
    }

    pub fn posted(&self) -> Vec<String> {
        let entries = fs::read_dir(self.posted_dir()).into_iter().flatten();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    pub fn posted_dir(&self) -> PathBuf {
        self.directory.path().join(load::POSTED)
    }

    pub fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost:15001\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        let answer = self.send(request.as_bytes());
        let (head, body) = answer.split_once("\r\n\r\n").expect(&answer);
        let status = head[9..12].parse().unwrap();
        (status, serde_json::from_str(body).expect(body))
    }

    /// Whatever bytes, and all that comes back.
    pub fn send(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.rest).unwrap();
        // It may answer before it has read everything.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }
}

async fn serve(directory: &Path, addresses: &std::sync::mpsc::Sender<(SocketAddr, SocketAddr)>) {
    let listen = async || TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (rest, grpc) = (listen().await, listen().await);
    let both = (rest.local_addr().unwrap(), grpc.local_addr().unwrap());
    addresses.send(both).unwrap();
    let (requests, asked) = mpsc::channel(16);
    let (sender, status) = watch::channel(Arc::default());
    let state = State {
        status,
        requests,
        feed: Feed::new().unwrap(),
        admin_group: None,
    };
    let posted = directory.join(load::POSTED);
    let dirs = vec![directory.join("sriov.d"), posted.clone()];
    let served = Listeners { rest, grpc }.serve(posted, state);
    tokio::join!(served, coordinate(dirs, asked, sender))
        .0
        .unwrap();
}

async fn coordinate(
    dirs: Vec<PathBuf>,
    mut asked: mpsc::Receiver<Request>,
    status: watch::Sender<Arc<Status>>,
) {
    let host = SimHost::default();
    let address: PciAddress = PF.parse().unwrap();
    host.plug(SimPf::new(address, DriverModel::IGB));
    host.finish_name(address, "eth3".parse().unwrap());
    let mut agent = SimAgent::new(host, Default::default());
    let mut loaded = load(&dirs);
    agent.policies = loaded.set.clone();
    while let Some(request) = asked.recv().await {
        match request {
            Request::Reload { done, .. } => {
                loaded = load(&dirs);
                agent.policies = loaded.set.clone();
                for _ in 0..5 {
                    agent.pass_all();
                }
                status.send_replace(Arc::new(now(&agent, &loaded)));
                let _ = done.send(());
            }
            Request::Settle { done } => drop(done.send(())),
            Request::View { reply } => {
                let view = View {
                    host: Arc::new(SimHost::default()),
                    node: Arc::default(),
                    policies: Arc::new(agent.policies.clone()),
                    seen: passes(&agent),
                    memory: Arc::new(agent.ledger.memory()),
                };
                drop(reply.send(view));
            }
            other => panic!("nobody asks for {other:?}"),
        }
    }
}

fn load(dirs: &[PathBuf]) -> Loaded {
    load::load(Path::new("/"), dirs, Trust::Enforce, &LastGood::default())
}

fn seen(agent: &SimAgent) -> (HostSnapshot, BTreeMap<PciAddress, Resolution>) {
    let host = agent.host.snapshot();
    let each = host.pfs.iter();
    let resolutions = each
        .map(|(address, pf)| (*address, resolve(&agent.policies, &host.node, pf)))
        .collect();
    (host, resolutions)
}

fn passes(agent: &SimAgent) -> BTreeMap<PciAddress, Arc<Seen>> {
    let (host, mut resolutions) = seen(agent);
    let each = host.pfs.into_iter();
    each.map(|(address, pf)| {
        let seen = Seen {
            pf,
            resolution: resolutions.remove(&address).unwrap(),
            problems: Vec::new(),
        };
        (address, Arc::new(seen))
    })
    .collect()
}

fn now(agent: &SimAgent, loaded: &Loaded) -> Status {
    let (host, resolutions) = seen(agent);
    let view = render::View::new(&host, &resolutions);
    let pools = pools::pools(&view);
    let networks = &agent.policies.networks;
    let assigned = assign::assign(networks, &pools, &BTreeMap::new(), |_, _| false);
    let networks = networks.iter().map(|network| NetworkReport {
        name: network.name.to_string(),
        resource: network.resource.as_ref().map(ToString::to_string),
        vf: assigned
            .get(&network.name)
            .and_then(|member| Some(member.as_ref().ok()?.vf.address)),
        held_back: None,
    });
    let files = loaded.files.iter().map(|file| FileReport {
        path: file.path.clone(),
        state: file.state.clone(),
    });
    Status {
        networks: networks.collect(),
        files: files.collect(),
        ..Status::default()
    }
}
