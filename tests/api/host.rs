//! A simulated host with the API on both of its sockets: passes are done when they are asked for, as the daemon does
//! them, on a thread of their own.

use sriovd_agent::api::{self, Feed, Kubelet, Remembers, Request, Sources, State, Tcp, View};
use sriovd_agent::load::{self, Loaded, Trust};
use sriovd_core::memory::Memory;
use sriovd_core::model::world::World;
use sriovd_core::model::{Holder, HostSnapshot, PciAddress, VfIndex};
use sriovd_core::policy::resolve::resolve;
use sriovd_core::policy::source::SourceReport;
use sriovd_core::report::{Happening, KnownPf, PfReport, PfState, Status, TakenVf, sentence};
use sriovd_host::file::apart::Apart;
use sriovd_sim::agent::SimAgent;
use sriovd_sim::{DriverModel, SimHost, SimPf};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

pub struct Host {
    /// With its policy files and sources.
    pub directory: TempDir,
    pub socket: PathBuf,
    pub tcp: SocketAddr,
    commands: mpsc::UnboundedSender<Command>,
    asked: Arc<Mutex<Vec<String>>>,
}

/// What happens to the host.
enum Command {
    Plug(PciAddress, oneshot::Sender<Duration>),
    Occupy(PciAddress, oneshot::Sender<()>),
    /// The agent ends, or starts again.
    Stop(oneshot::Sender<()>),
    Start(oneshot::Sender<()>),
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
        let policies = directory.path().join(POLICIES);
        std::fs::create_dir(&policies).expect("there is room for policies");
        let text = POLICY.replace("VFS", &vfs.to_string());
        std::fs::write(policies.join("10-test.toml"), text).expect("there is room for one");
        let loaded = read(directory.path(), &Loaded::default());
        let agent = agent(pfs, &loaded);
        let known = Known::of(&agent, &[]);
        let serving = Serving {
            directory: directory.path().to_owned(),
            loaded,
            agent: Some(agent),
            asked: Arc::clone(&asked),
            feed: Feed::new().expect("nothing is counted yet"),
            view: watch::Sender::new(Arc::new(known.view)),
            host: Arc::new(SimHost::from_snapshot(known.host)),
            memory: Arc::new(Remembered(Mutex::new(known.memory))),
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
            directory,
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
        self.command(|done| Command::Occupy(address(pf), done));
    }

    /// The agent ends; its socket goes.
    pub fn stop(&self) {
        self.command(Command::Stop);
    }

    /// It is there again, on its socket only.
    pub fn start_again(&self) {
        self.command(Command::Start);
    }

    fn command(&self, command: impl FnOnce(oneshot::Sender<()>) -> Command) {
        let (done, is_done) = oneshot::channel();
        let sent = self.commands.send(command(done));
        assert!(sent.is_ok(), "the host ended");
        is_done.blocking_recv().expect("the host goes on");
    }
}

struct Serving {
    /// None while a pass has it.
    agent: Option<SimAgent>,
    directory: PathBuf,
    loaded: Loaded,
    asked: Arc<Mutex<Vec<String>>>,
    feed: Feed,
    view: watch::Sender<Arc<View>>,
    host: Arc<SimHost>,
    memory: Arc<Remembered>,
}

/// What the agent knows of the host, for who asks meanwhile.
struct Known {
    host: HostSnapshot,
    memory: Memory,
    view: View,
}

struct Remembered(Mutex<Memory>);

impl Remembers for Remembered {
    fn memory(&self) -> Arc<Memory> {
        Arc::new(self.0.lock().expect("nobody panicked").clone())
    }
}

/// A pass at work.
struct Passing {
    pf: PciAddress,
    since: Instant,
    work: JoinHandle<(SimAgent, Known)>,
    done: oneshot::Sender<Duration>,
}

impl Serving {
    async fn serve(
        mut self,
        socket: &Path,
        mut commands: mpsc::UnboundedReceiver<Command>,
        told: std::sync::mpsc::Sender<SocketAddr>,
    ) {
        let tcp = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let address = tcp.local_addr().expect("it has an address");
        let (requests, mut requested) = mpsc::channel(16);
        let state = State {
            view: self.view.subscribe(),
            host: Arc::<SimHost>::clone(&self.host),
            memory: Arc::<Remembered>::clone(&self.memory),
            requests,
            feed: self.feed.clone(),
            admin_group: None,
            sources: Sources::new(self.directory.join(load::SOURCES), Apart::default()),
            kubelet: Kubelet::new(self.directory.clone(), Apart::default()),
        };
        let mut tcp = Some(Tcp::Local(tcp));
        let mut started = None;
        loop {
            let listener = api::listen(socket).expect("the directory is there");
            match started.take() {
                None => told.send(address).expect("somebody waits for it"),
                Some(done) => oneshot::Sender::send(done, ()).unwrap_or_default(),
            }
            let stopped = tokio::select! {
                _ = api::serve(listener, tcp.take(), state.clone()) => return,
                stopped = self.work(&mut requested, &mut commands) => stopped,
            };
            let Some(stopped) = stopped else { return };
            std::fs::remove_file(socket).expect("it was bound");
            let _ = stopped.send(());
            match commands.recv().await {
                Some(Command::Start(done)) => started = Some(done),
                _ => return,
            }
        }
    }

    /// Until the agent is stopped; nobody is told when nobody commands any more.
    async fn work(
        &mut self,
        requested: &mut mpsc::Receiver<Request>,
        commands: &mut mpsc::UnboundedReceiver<Command>,
    ) -> Option<oneshot::Sender<()>> {
        let mut passing: Option<Passing> = None;
        loop {
            tokio::select! {
                Some(request) = requested.recv() => self.on_request(request),
                command = commands.recv(), if passing.is_none() => match command? {
                    Command::Stop(done) => return Some(done),
                    command => passing = self.on_command(command),
                },
                Some(passed) = over(&mut passing) => {
                    let Passing { pf, since, done, .. } = passing.take()?;
                    self.agent = Some(passed.0);
                    self.learn(passed.1);
                    self.feed.tell(Happening::PfAppeared { pf });
                    // Whoever measured may have gone.
                    let _ = done.send(since.elapsed());
                }
            }
        }
    }

    fn on_command(&mut self, command: Command) -> Option<Passing> {
        let mut agent = self.agent.take()?;
        match command {
            Command::Stop(done) | Command::Start(done) => {
                self.agent = Some(agent);
                drop(done);
                None
            }
            Command::Occupy(pf, done) => {
                let name = Some("blue".to_owned());
                agent.host.set_num_vfs_by_hand(pf, 0);
                agent.host.set_num_vfs_by_hand(pf, 2);
                agent.host.hold(pf, VfIndex(1), Holder::Namespace { name });
                let mut known = Known::of(&agent, &self.loaded.sources);
                let status = Arc::make_mut(&mut known.view.status);
                let pfs = status.pfs.iter_mut().filter(|it| it.address == pf);
                pfs.for_each(|pf| pf.state = PfState::Refused);
                self.learn(known);
                self.agent = Some(agent);
                let _ = done.send(());
                None
            }
            Command::Plug(pf, done) => {
                let since = Instant::now();
                // As the daemon: not on the thread that answers, which does not wait for it.
                let sources = self.loaded.sources.clone();
                let work = tokio::task::spawn_blocking(move || {
                    agent.host.unplug(pf);
                    agent.host.plug(SimPf::new(pf, DriverModel::ICE));
                    agent.pass(pf);
                    agent.host.take_attempts();
                    let known = Known::of(&agent, &sources);
                    (agent, known)
                });
                Some(Passing {
                    pf,
                    since,
                    work,
                    done,
                })
            }
        }
    }

    /// As the daemon does it, with a pass over every PF.
    fn reload(&mut self) {
        self.loaded = read(&self.directory, &self.loaded);
        if let Some(mut agent) = self.agent.take() {
            agent.policies = self.loaded.set.clone();
            agent.pass_all();
            agent.host.take_attempts();
            self.learn(Known::of(&agent, &self.loaded.sources));
            self.agent = Some(agent);
        }
    }

    fn learn(&mut self, known: Known) {
        self.host.become_as(known.host);
        *self.memory.0.lock().expect("nobody panicked") = known.memory;
        self.view.send_replace(Arc::new(known.view));
    }

    fn on_request(&mut self, request: Request) {
        let mut asked = self.asked.lock().expect("nobody panicked");
        match request {
            Request::Settle { done } => drop(done.send(())),
            Request::Apply {
                pfs, force, done, ..
            } => {
                asked.push(format!("apply {pfs:?} force {force}"));
                drop(done.send(Vec::<TakenVf>::new()));
            }
            Request::Reload { done, .. } => {
                asked.push("reload".to_owned());
                drop(asked);
                self.reload();
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
}

async fn over(passing: &mut Option<Passing>) -> Option<(SimAgent, Known)> {
    let passed = (&mut passing.as_mut()?.work).await;
    Some(passed.expect("the pass ended"))
}

impl Known {
    fn of(agent: &SimAgent, sources: &[SourceReport]) -> Self {
        let host = looked_at(&agent.host);
        let mut all = BTreeMap::new();
        let mut pfs = Vec::new();
        for (&address, pf) in &agent.host.snapshot().pfs {
            let (pf, problems) = (pf.clone(), Vec::new());
            let resolution = resolve(&agent.policies, &host.node, &pf);
            pfs.push(PfReport::of(&pf, &resolution, problems.clone()));
            let known = KnownPf::seen(pf, resolution, problems);
            all.insert(address, Arc::new(known));
        }
        let world = World::default().next("", false, all);
        let status = Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: sentence::status_line(&pfs),
            pfs,
            ..Status::default()
        };
        Self {
            host,
            memory: agent.ledger.memory(),
            view: View {
                world: Arc::new(world.unwrap_or_default()),
                status: Arc::new(status),
                node: Arc::default(),
                policies: Arc::new(agent.policies.clone()),
                sources: Arc::new(sources.to_vec()),
            },
        }
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

/// The name of the directory of policy files.
pub const POLICIES: &str = "sriov.d";

fn read(directory: &Path, before: &Loaded) -> Loaded {
    let dirs = [directory.join(POLICIES), directory.join(load::SOURCES)];
    load::load(Path::new("/"), &dirs, Trust::WarnOnly, &before.last_good)
}

fn agent(pfs: u16, loaded: &Loaded) -> SimAgent {
    let mut agent = SimAgent::new(SimHost::default(), loaded.set.clone());
    for pf in 0..pfs {
        agent.host.plug(SimPf::new(address(pf), DriverModel::ICE));
    }
    agent.pass_all();
    agent.host.take_attempts();
    agent
}
