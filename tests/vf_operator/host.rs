//! A simulated host behind the agent's API, and the bridge on its socket: policies are read and passed as the daemon
//! does.

use serde_json::Value;
use sriovd_agent::api::{Feed, Kubelet, Remembers, Request, Sources, State, View};
use sriovd_agent::load::{self, LastGood, Loaded, Trust};
use sriovd_core::memory::Memory;
use sriovd_core::model::Assignment;
use sriovd_core::model::world::World;
use sriovd_core::model::{HostSnapshot, NetworkName, PciAddress};
use sriovd_core::policy::resolve::{Resolution, resolve};
use sriovd_core::reconcile::End;
use sriovd_core::render::{assign, pools};
use sriovd_core::report::{FileReport, KnownPf, NetworkReport, PfReport, Seen, Status};
use sriovd_host::file::apart::Apart;
use sriovd_sim::agent::SimAgent;
use sriovd_sim::{DriverModel, SimHost, SimPf};
use sriovd_vf_operator::{Listener, Listeners};
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

pub const PF: &str = "0000:02:00.0";

pub struct Host {
    directory: TempDir,
    sim: Shared,
    pub rest: SocketAddr,
    pub grpc: SocketAddr,
}

type Shared = Arc<Mutex<Simulated>>;

/// The NICs, and what the daemon makes of them.
struct Simulated {
    agent: SimAgent,
    dirs: Vec<PathBuf>,
    loaded: Loaded,
    assignments: BTreeMap<NetworkName, Assignment>,
    view: watch::Sender<Arc<View>>,
    /// What the API looks at, and what is remembered.
    host: Arc<SimHost>,
    memory: Arc<Remembered>,
}

#[derive(Default)]
struct Remembered(Mutex<Memory>);

impl Remembers for Remembered {
    fn memory(&self) -> Arc<Memory> {
        Arc::new(self.0.lock().unwrap().clone())
    }
}

/// Where it listens.
enum Door {
    Tcp,
    /// Files in the directory of the host.
    Sockets,
}

impl Host {
    /// One igb NIC called eth3.
    pub fn start() -> Self {
        Self::with_policy("")
    }

    /// With a file of the administrator.
    pub fn with_policy(policy: &str) -> Self {
        Self::with(policy, Door::Tcp)
    }

    /// On Unix sockets.
    pub fn on_sockets() -> Self {
        Self::with("", Door::Sockets)
    }

    fn with(policy: &str, door: Door) -> Self {
        Self::within(tempfile::tempdir().unwrap(), policy, door)
    }

    fn within(directory: TempDir, policy: &str, door: Door) -> Self {
        let written = directory.path().join("sriov.d");
        fs::create_dir(&written).unwrap();
        fs::write(written.join("10-own.toml"), policy).unwrap();
        let sim = Arc::new(Mutex::new(Simulated::new(directory.path())));
        let (addresses, told) = std::sync::mpsc::channel();
        let path = directory.path().to_owned();
        let shared = Arc::clone(&sim);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(serve(&path, &door, shared, &addresses));
        });
        let (rest, grpc) = told.recv().unwrap();
        Self {
            directory,
            sim,
            rest,
            grpc,
        }
    }

    /// Something that the agent sees and comes to rest after.
    pub fn happens(&self, what: impl FnOnce(&SimHost)) {
        let mut sim = self.sim.lock().unwrap();
        what(&sim.agent.host);
        sim.settle();
    }

    /// The pools of every PF, as outputs tell of them.
    pub fn pools(&self) -> Vec<String> {
        let sim = self.sim.lock().unwrap();
        let (host, resolutions) = seen(&sim.agent);
        let world = World::of_host(&host, &resolutions);
        let pools = pools::pools(&world);
        pools.keys().map(ToString::to_string).collect()
    }

    pub fn socket(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The kind and name of each item of the source, in its order; networks come last.
    pub fn posted(&self) -> Vec<String> {
        let source = self.source();
        let named = |kind: &str| {
            let items = source[kind].as_array().into_iter().flatten();
            let names = items.map(|item| item["name"].as_str().unwrap().to_owned());
            names
                .map(|name| format!("{kind} {name}"))
                .collect::<Vec<_>>()
        };
        [named("policy"), named("network")].concat()
    }

    /// What the agent keeps of it; null where it keeps nothing.
    pub fn source(&self) -> Value {
        let text = fs::read_to_string(self.source_file());
        text.map_or(Value::Null, |text| serde_json::from_str(&text).unwrap())
    }

    pub fn source_file(&self) -> PathBuf {
        self.sources_dir().join("vf-operator.json")
    }

    pub fn sources_dir(&self) -> PathBuf {
        self.directory.path().join(load::SOURCES)
    }

    /// Another file of the administrator.
    pub fn write_policy(&self, text: &str) {
        let path = self.directory.path().join("sriov.d/20-more.toml");
        fs::write(path, text).unwrap();
    }

    /// As an agent of an earlier version left it, and as the next one finds it.
    pub fn with_files_of_before(files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let posted = directory.path().join(load::POSTED);
        fs::create_dir(&posted).unwrap();
        for (name, text) in files {
            fs::write(posted.join(name), text).unwrap();
        }
        let taken = sriovd_agent::state::posted::take_over(directory.path()).unwrap();
        assert_eq!(taken, files.len());
        Self::within(directory, "", Door::Tcp)
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
        exchange(TcpStream::connect(self.rest).unwrap(), bytes)
    }
}

/// It may answer before it has read everything.
pub fn exchange(mut stream: impl Read + Write, bytes: &[u8]) -> String {
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

async fn serve(
    directory: &Path,
    door: &Door,
    sim: Shared,
    addresses: &std::sync::mpsc::Sender<(SocketAddr, SocketAddr)>,
) {
    let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
    let listen = async |name| match door {
        Door::Tcp => {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            (listener.local_addr().unwrap(), Listener::Tcp(listener))
        }
        Door::Sockets => {
            let listener = sriovd_agent::api::bind(&directory.join(name)).unwrap();
            (nowhere, Listener::Unix(listener))
        }
    };
    let ((at_rest, rest), (at_grpc, grpc)) = (listen("rest").await, listen("grpc").await);
    let (requests, asked) = mpsc::channel(16);
    let state = {
        let sim = sim.lock().unwrap();
        State {
            view: sim.view.subscribe(),
            host: Arc::<SimHost>::clone(&sim.host),
            memory: Arc::<Remembered>::clone(&sim.memory),
            requests,
            feed: Feed::new().unwrap(),
            admin_group: None,
            sources: Sources::new(directory.join(load::SOURCES), Apart::default()),
            kubelet: Kubelet::new(directory.to_owned(), Apart::default()),
        }
    };
    let agent = directory.join("agent.sock");
    let answered = sriovd_agent::api::serve(sriovd_agent::api::bind(&agent).unwrap(), None, state);
    addresses.send((at_rest, at_grpc)).unwrap();
    let served = Listeners { rest, grpc }.serve(agent, None);
    tokio::select! {
        ended = served => drop(ended.unwrap()),
        ended = answered => drop(ended.unwrap()),
        () = coordinate(sim, asked) => {}
    }
}

async fn coordinate(sim: Shared, mut asked: mpsc::Receiver<Request>) {
    while let Some(request) = asked.recv().await {
        let mut sim = sim.lock().unwrap();
        match request {
            Request::Reload { done, .. } => {
                sim.settle();
                let _ = done.send(());
            }
            Request::Settle { done } => drop(done.send(())),
            other => panic!("nobody asks for {other:?}"),
        }
    }
}

impl Simulated {
    fn new(directory: &Path) -> Self {
        let host = SimHost::default();
        plug(&host);
        let dirs = vec![directory.join("sriov.d"), directory.join(load::SOURCES)];
        let loaded = load(&dirs);
        let mut sim = Self {
            agent: SimAgent::new(host, Default::default()),
            dirs,
            loaded,
            assignments: BTreeMap::new(),
            view: watch::Sender::default(),
            host: Arc::default(),
            memory: Arc::default(),
        };
        sim.settle();
        sim
    }

    fn settle(&mut self) {
        self.loaded = load(&self.dirs);
        self.agent.policies = self.loaded.set.clone();
        for _ in 0..5 {
            self.agent.pass_all();
        }
        self.host.become_as(with_holders(&self.agent.host));
        *self.memory.0.lock().unwrap() = self.agent.ledger.memory();
        let before = Arc::clone(&self.view.borrow().world);
        let known = self.known();
        let reports = known.values().filter_map(|pf| {
            let seen = pf.seen.as_ref()?;
            Some(seen.report(pf.problems.clone()))
        });
        let pfs: Vec<PfReport> = reports.collect();
        let world = before.next("", false, known).map(Arc::new);
        let view = View {
            world: world.unwrap_or(before),
            status: Arc::new(self.now(pfs)),
            node: Arc::default(),
            policies: Arc::new(self.agent.policies.clone()),
            sources: Arc::new(self.loaded.sources.clone()),
        };
        self.view.send_replace(Arc::new(view));
    }

    /// What the last pass over each PF saw, as far as the API asks for it.
    fn known(&mut self) -> BTreeMap<PciAddress, Arc<KnownPf>> {
        let outcomes = self.agent.pass_all().into_iter();
        let known = outcomes.filter_map(|(address, outcome)| match outcome.end {
            End::Seen {
                pf,
                resolution,
                problems,
            } => {
                let known = KnownPf {
                    address,
                    allocated: BTreeMap::new(),
                    problems: problems.clone(),
                    seen: Some(Arc::new(Seen {
                        pf: *pf,
                        resolution,
                        problems,
                    })),
                };
                Some((address, Arc::new(known)))
            }
            End::Gone | End::Unobservable(_) => None,
        });
        known.collect()
    }

    fn now(&mut self, pfs: Vec<PfReport>) -> Status {
        let (host, resolutions) = seen(&self.agent);
        let world = World::of_host(&host, &resolutions);
        let pools = pools::pools(&world);
        let networks = &self.agent.policies.networks;
        let coming = |resource: &_, last: &_| pools::is_coming(resource, last, &world);
        let assigned = assign::assign(networks, &pools, &self.assignments, coming);
        let given = assign::given(&assigned);
        self.assignments = assign::remember(&assigned, &self.assignments);
        let networks = networks.iter();
        let networks =
            networks.map(|network| NetworkReport::of(network, given.get(&network.name).copied()));
        let files = self.loaded.files.iter().map(|file| FileReport {
            path: file.path.clone(),
            state: file.state.clone(),
        });
        Status {
            pfs,
            networks: networks.collect(),
            files: files.collect(),
            ..Status::default()
        }
    }
}

/// The NIC that is there at first, or again.
pub fn plug(host: &SimHost) {
    let address: PciAddress = PF.parse().unwrap();
    host.plug(SimPf::new(address, DriverModel::IGB));
    host.finish_name(address, "eth3".parse().unwrap());
}

fn with_holders(host: &SimHost) -> HostSnapshot {
    let mut snapshot = host.snapshot();
    for (&address, pf) in &mut snapshot.pfs {
        *pf = host.pf(address).unwrap();
    }
    snapshot
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
