//! A simulated host with the API on both of its sockets: passes are done when they are asked for, as the daemon does
//! them, on a thread of their own.

use sriovd::api::{self, Feed, PfDetail, Request, State, Tcp, View};
use sriovd::model::{Holder, HostSnapshot, Node, PciAddress, VfIndex};
use sriovd::policy::resolve::{Resolution, resolve};
use sriovd::policy::{PolicySet, file};
use sriovd::report::{Happening, PfReport, Status, TakenVf, sentence};
use sriovd::sim::agent::SimAgent;
use sriovd::sim::{DriverModel, SimHost, SimPf};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};

pub struct Host {
    _directory: TempDir,
    pub socket: PathBuf,
    pub tcp: SocketAddr,
    commands: mpsc::UnboundedSender<Command>,
    asked: Arc<Mutex<Vec<String>>>,
}

/// What happens to the host.
enum Command {
    Plug(PciAddress, oneshot::Sender<Duration>),
    Occupy(PciAddress, oneshot::Sender<()>),
}

/// With the number of VFs in place of VFS.
pub const POLICY: &str = r#"
[[policy]]
name = "dataplane"
resource = "pool"
num_vfs = VFS
trust = true
spoof_check = false
vlan = 100
match.vendor = "8086"

[[network]]
name = "f1-u"
resource = "pool"
"#;

pub fn address(pf: u16) -> PciAddress {
    PciAddress::new(u32::from(pf), 1, 0, 0).expect("device 0 and function 0 are in range")
}

impl Host {
    /// PFs that are as wanted, each with so many VFs.
    pub fn start(pfs: u16, vfs: u16) -> Self {
        let directory = tempfile::tempdir().expect("there is room for a socket");
        let socket = directory.path().join("sriovd.sock");
        let (commands, commanded) = mpsc::unbounded_channel();
        let asked = Arc::default();
        let (told, address) = std::sync::mpsc::channel();
        let agent = agent(pfs, vfs);
        let serving = Serving {
            policies: Arc::new(agent.policies.clone()),
            agent,
            seen: Arc::default(),
            asked: Arc::clone(&asked),
            feed: Feed::new().expect("nothing is counted yet"),
            status: watch::Sender::default(),
        };
        let path = socket.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let runtime = runtime.expect("a runtime can be made");
            runtime.block_on(serving.serve(&path, commanded, told));
        });
        Self {
            tcp: address.recv().expect("it listens"),
            _directory: directory,
            socket,
            commands,
            asked,
        }
    }

    /// What somebody wanted changed.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("nobody panicked").clone()
    }

    /// A NIC is plugged in and set up; how long that took.
    pub fn plug(&self, pf: u16) -> Duration {
        let (done, took) = oneshot::channel();
        let sent = self.commands.send(Command::Plug(address(pf), done));
        assert!(sent.is_ok(), "the host ended");
        took.blocking_recv().expect("the host goes on")
    }

    /// Somebody makes other VFs than are wanted, and uses one.
    pub fn occupy(&self, pf: u16) {
        let (done, is_done) = oneshot::channel();
        let sent = self.commands.send(Command::Occupy(address(pf), done));
        assert!(sent.is_ok(), "the host ended");
        is_done.blocking_recv().expect("the host goes on");
    }
}

struct Serving {
    agent: SimAgent,
    /// The host as it is, for who looks: the agent keeps its own to itself.
    seen: Arc<SimHost>,
    policies: Arc<PolicySet>,
    asked: Arc<Mutex<Vec<String>>>,
    feed: Feed,
    status: watch::Sender<Arc<Status>>,
}

impl Serving {
    async fn serve(
        mut self,
        socket: &Path,
        mut commands: mpsc::UnboundedReceiver<Command>,
        told: std::sync::mpsc::Sender<SocketAddr>,
    ) {
        let listener = api::listen(socket).expect("the directory is there");
        let tcp = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let address = tcp.local_addr().expect("it has an address");
        let (requests, mut requested) = mpsc::channel(16);
        let state = State {
            status: self.status.subscribe(),
            requests,
            feed: self.feed.clone(),
            admin_group: None,
        };
        self.refresh();
        told.send(address).expect("somebody waits for it");
        let work = async {
            loop {
                tokio::select! {
                    Some(request) = requested.recv() => self.on_request(request),
                    Some(command) = commands.recv() => self.on_command(command).await,
                    else => break,
                }
            }
        };
        tokio::select! {
            ended = api::serve(listener, Some(Tcp::Local(tcp)), state) => drop(ended),
            () = work => {}
        }
    }

    async fn on_command(&mut self, command: Command) {
        match command {
            Command::Occupy(pf, done) => {
                let name = Some("blue".to_owned());
                self.agent.host.set_num_vfs_by_hand(pf, 0);
                self.agent.host.set_num_vfs_by_hand(pf, 2);
                let by = Holder::Namespace { name };
                self.agent.host.hold(pf, VfIndex(1), by);
                self.refresh();
                let _ = done.send(());
            }
            Command::Plug(pf, done) => {
                let since = Instant::now();
                self.agent.host.unplug(pf);
                self.agent.host.plug(SimPf::new(pf, DriverModel::ICE));
                // As the daemon: not on the thread that answers.
                let nothing = SimAgent::new(SimHost::default(), PolicySet::default());
                let mut agent = std::mem::replace(&mut self.agent, nothing);
                let passed = tokio::task::spawn_blocking(move || {
                    agent.pass(pf);
                    agent
                });
                self.agent = passed.await.expect("the pass ended");
                self.agent.host.take_attempts();
                self.refresh();
                self.feed.tell(Happening::PfAppeared { pf });
                // Whoever measured may have gone.
                let _ = done.send(since.elapsed());
            }
        }
    }

    fn on_request(&mut self, request: Request) {
        let mut asked = self.asked.lock().expect("nobody panicked");
        match request {
            Request::View { reply } => {
                drop(reply.send(View {
                    host: self.seen.clone(),
                    node: Arc::new(Node::default()),
                    policies: Arc::clone(&self.policies),
                    memory: self.agent.ledger.memory(),
                }));
            }
            Request::Pfs { reply } => drop(reply.send(details(&self.agent))),
            Request::Settle { done } => drop(done.send(())),
            Request::Apply {
                pfs, force, done, ..
            } => {
                asked.push(format!("apply {pfs:?} force {force}"));
                drop(done.send(Vec::<TakenVf>::new()));
            }
            Request::Reload { done, .. } => {
                asked.push("reload".to_owned());
                let _ = done.send(());
            }
            Request::Pause { scope, done, .. } => {
                asked.push(format!("pause {scope:?}"));
                drop(done.send(Ok(())));
            }
            Request::Resume { scope, done, .. } => {
                asked.push(format!("resume {scope:?}"));
                drop(done.send(Ok(())));
            }
        }
    }

    fn refresh(&mut self) {
        self.seen = Arc::new(SimHost::from_snapshot(looked_at(&self.agent.host)));
        let pfs: Vec<_> = details(&self.agent)
            .into_iter()
            .map(|pf| pf.report)
            .collect();
        self.status.send_replace(Arc::new(Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: sentence::status_line(&pfs),
            pfs,
            ..Status::default()
        }));
    }
}

/// With who uses what.
fn looked_at(host: &SimHost) -> HostSnapshot {
    let mut snapshot = host.snapshot();
    for (&address, pf) in &mut snapshot.pfs {
        *pf = host.pf(address).unwrap_or_else(|| pf.clone());
    }
    snapshot
}

fn details(agent: &SimAgent) -> Vec<PfDetail> {
    let host = agent.host.snapshot();
    let resolutions = resolutions(agent, &host);
    let pfs = host.pfs.iter().map(|(address, pf)| {
        let resolution = &resolutions[address];
        let report = PfReport::of(pf, resolution, Vec::new());
        PfDetail::new(report, Some((pf, resolution)))
    });
    pfs.collect()
}

fn resolutions(agent: &SimAgent, host: &HostSnapshot) -> BTreeMap<PciAddress, Resolution> {
    let pfs = host.pfs.iter();
    pfs.map(|(&at, pf)| (at, resolve(&agent.policies, &host.node, pf)))
        .collect()
}

fn agent(pfs: u16, vfs: u16) -> SimAgent {
    let policies = POLICY.replace("VFS", &vfs.to_string());
    let content = file::parse(Path::new("10-test.toml"), &policies).expect("the policy is good");
    let policies = PolicySet {
        policies: content.policies,
        networks: content.networks,
    };
    let mut agent = SimAgent::new(SimHost::default(), policies);
    for pf in 0..pfs {
        agent.host.plug(SimPf::new(address(pf), DriverModel::ICE));
    }
    agent.pass_all();
    agent.host.take_attempts();
    agent
}
