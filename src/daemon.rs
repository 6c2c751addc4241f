//! The daemon: events in, passes side by side, results out. Nothing here blocks.

mod announce;
mod backoff;
mod contest;
mod coordinator;
mod evidence;
mod job;
pub mod journal;
mod ledger;
mod loading;
mod notify;
mod once;
mod outputs;
mod passes;
mod pausing;
mod slot;
mod status;
mod triggers;
mod watched;

use crate::agent::{Listen, Settings, VfOperator};
use crate::api::{self, Feed, Request, Tcp, Tls, TlsError, TlsFiles};
use crate::attach::{AttachError, Collected, Lender};
use crate::events::{Cause, Sources, Trigger};
use crate::file;
use crate::host::linux::LinuxHost;
use crate::host::{Host, HostError};
use crate::model::allocation::ALLOCATIONS;
use crate::model::{Node, PciAddress};
use crate::policy::PolicySet;
use crate::policy::load::{LastGoodError, Loaded};
use crate::reconcile::Outcome;
use crate::state::Store;
use crate::vf_operator;
use anyhow::Context;
use coordinator::{Coordinator, Shared};
use ledger::StateLedger;
pub use once::apply;
use outputs::Published;
use slot::Waiting;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{self, Receiver, UnboundedReceiver};
use tokio::time::Interval;

/// Work that is over.
#[derive(Debug)]
enum Message {
    Pass {
        pf: PciAddress,
        outcome: Box<Outcome>,
        collected: Vec<Result<Collected, AttachError>>,
    },
    Listed {
        listed: Result<BTreeSet<PciAddress>, HostError>,
        collected: Vec<Result<Collected, AttachError>>,
        waiting: Waiting,
    },
    Loaded {
        loaded: Box<Loaded>,
        cause: Cause,
        unsaved: Option<LastGoodError>,
        /// None where they were not read.
        tls: Option<Result<(), TlsError>>,
    },
    Published(Box<Published>),
}

/// A step that is at work when the daemon is told to stop may end; nothing is undone.
const STOP_PATIENCE: Duration = Duration::from_secs(2);

/// Events wait here while the loop is busy; when it is full they wait in the sockets' buffers.
const TRIGGER_QUEUE: usize = 1024;

const REQUEST_QUEUE: usize = 16;

pub async fn run(settings: Settings, root: PathBuf) -> anyhow::Result<()> {
    // Before the service manager is told anything: it may answer with a signal at once.
    let mut reload = signal(SignalKind::hangup()).context("cannot handle SIGHUP")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot handle SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot handle SIGINT")?;
    journal::started(env!("CARGO_PKG_VERSION"));
    // A directory that is missing is awaited where it will appear, and there our own files are heard.
    for watched in [Path::new(ALLOCATIONS), &settings.posted_dir()] {
        drop(file::create_directories(&file::under(&root, watched)));
    }
    // Before the first look: what happens in between is looked at again.
    let sources = Sources::subscribe(
        &root,
        &settings.all_policy_dirs(),
        settings.limits.receive_buffer,
    )?;
    let mut shared = shared(settings, root)?;
    shared.tls = tls(&shared)?;
    let listener = api::listen(&file::under(&shared.root, &shared.settings.api.socket))?;

    let (triggers, mut triggered) = mpsc::channel(TRIGGER_QUEUE);
    let (messages, mut finished) = mpsc::unbounded_channel();
    let (requests, mut requested) = mpsc::channel(REQUEST_QUEUE);
    let mut coordinator = Coordinator::new(shared, messages);
    let state = coordinator.api_state(requests);
    let settings = Arc::clone(&coordinator.shared.settings);
    let posted = file::under(&coordinator.shared.root, &settings.posted_dir());
    let for_vf_operator = listen_for_vf_operator(&settings).await?;
    let vf_operator = serve_vf_operator(for_vf_operator, posted, state.clone());
    let tcp = listen_on_tcp(&coordinator.shared).await?;
    let serve = api::serve(listener, tcp, state);
    let work = coordinate(
        &mut coordinator,
        &mut triggered,
        &mut finished,
        &mut requested,
        &mut reload,
    );
    tokio::select! {
        // What is at hand is done before more is taken in.
        biased;
        ended = work => match ended {},
        ended = sources.run(triggers) => return Err(error_of(ended)),
        ended = serve => return Err(error_of(ended).context("the API ended")),
        ended = vf_operator => return Err(error_of(ended)),
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    told(notify::stopping());
    journal::stopping();
    coordinator.stop();
    let ending = drain(&mut coordinator, &mut finished);
    // A step that is still at work then is the kernel's to finish.
    drop(tokio::time::timeout(STOP_PATIENCE, ending).await);
    Ok(())
}

fn tls(shared: &Shared) -> anyhow::Result<Option<Tls>> {
    let Some(Listen::Tls(address, tls)) = &shared.settings.api.listen else {
        return Ok(None);
    };
    let files = TlsFiles {
        certificate: file::under(&shared.root, &tls.certificate),
        key: file::under(&shared.root, &tls.key),
        client_ca: file::under(&shared.root, &tls.client_ca),
    };
    let tls = Tls::load(files, &tls.admins);
    tls.map(Some)
        .with_context(|| format!("cannot listen on {address} with TLS"))
}

async fn listen_on_tcp(shared: &Shared) -> anyhow::Result<Option<Tcp>> {
    let bind = async |address: &SocketAddr| {
        let listener = TcpListener::bind(address).await;
        listener.with_context(|| format!("cannot listen on {address}"))
    };
    let (Some(Listen::Local(address) | Listen::Tls(address, _)), tls) =
        (&shared.settings.api.listen, &shared.tls)
    else {
        return Ok(None);
    };
    let listener = bind(address).await?;
    Ok(Some(match tls {
        Some(tls) => Tcp::Tls(listener, tls.clone()),
        None => Tcp::Local(listener),
    }))
}

async fn listen_for_vf_operator(
    settings: &Settings,
) -> anyhow::Result<Option<vf_operator::Listeners>> {
    let VfOperator {
        enabled,
        rest,
        grpc,
    } = settings.vf_operator;
    match enabled {
        true => vf_operator::Listeners::bind(rest, grpc).await.map(Some),
        false => Ok(None),
    }
}

async fn serve_vf_operator(
    listeners: Option<vf_operator::Listeners>,
    directory: PathBuf,
    state: api::State,
) -> anyhow::Result<Infallible> {
    match listeners {
        Some(listeners) => listeners.serve(directory, state).await,
        None => std::future::pending().await,
    }
}

fn shared(settings: Settings, root: PathBuf) -> anyhow::Result<Shared> {
    let host: Arc<dyn Host> = Arc::new(LinuxHost::new(root.clone()));
    let found = host.node().context("cannot tell which host this is")?;
    let node = Node {
        hostname: settings.node.hostname.clone().unwrap_or(found.hostname),
        labels: settings.node.labels.clone(),
        kernel: found.kernel,
    };
    let (store, lost) = Store::open(&file::under(&root, &settings.state_dir));
    if let Some(lost) = &lost {
        journal::state_lost(&lost.path, lost);
    }
    drop(store.update(|memory| memory.boot(&node.kernel)));
    let store = Arc::new(store);
    let ledger = StateLedger::new(Arc::clone(&store), &root, lost.is_some());
    if let Err(error) = ledger.restore_marks() {
        journal::state_not_saved(&error);
    }
    Ok(Shared {
        lender: Lender::new(root.clone()),
        tls: None,
        feed: Feed::new().context("cannot set up counters")?,
        host,
        store,
        ledger,
        settings: Arc::new(settings),
        root: Arc::new(root),
        node: Arc::new(node),
        policies: Arc::new(PolicySet::default()),
    })
}

fn error_of(ended: anyhow::Result<Infallible>) -> anyhow::Error {
    match ended {
        Err(error) => error,
        Ok(never) => match never {},
    }
}

async fn coordinate(
    coordinator: &mut Coordinator,
    triggered: &mut Receiver<Trigger>,
    finished: &mut UnboundedReceiver<Message>,
    requested: &mut Receiver<Request>,
    reload: &mut Signal,
) -> Infallible {
    let mut watchdog = notify::watchdog_interval().map(tokio::time::interval);
    let mut readiness = Readiness::new(coordinator.start_deadline());
    coordinator.load_policies(Cause::Start);
    loop {
        let timer = coordinator
            .next_time()
            .into_iter()
            .chain(readiness.deadline)
            .min();
        tokio::select! {
            Some(message) = finished.recv() => coordinator.on_message(message),
            Some(trigger) = triggered.recv() => coordinator.on_trigger(trigger),
            Some(request) = requested.recv() => coordinator.on_request(request),
            Some(()) = reload.recv() => {
                told(notify::reloading());
                readiness.reloading = true;
                coordinator.load_policies(Cause::Reload);
            }
            () = until(timer) => coordinator.on_time(Instant::now()),
            () = tick(&mut watchdog) => told(notify::alive()),
        }
        readiness.update(coordinator);
    }
}

async fn drain(coordinator: &mut Coordinator, finished: &mut UnboundedReceiver<Message>) {
    while coordinator.is_busy() {
        let Some(message) = finished.recv().await else {
            return;
        };
        coordinator.on_message(message);
    }
}

/// A service manager that cannot be told anything will draw its own conclusions.
fn told(result: std::io::Result<()>) {
    drop(result);
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

async fn tick(interval: &mut Option<Interval>) {
    match interval {
        Some(interval) => drop(interval.tick().await),
        None => std::future::pending().await,
    }
}

/// `READY=1` after the first look, or when it takes too long; and again after each reload.
struct Readiness {
    is_ready: bool,
    deadline: Option<Instant>,
    reloading: bool,
    said: String,
}

impl Readiness {
    fn new(patience: Duration) -> Self {
        let deadline = Some(Instant::now() + patience);
        Self {
            is_ready: false,
            deadline,
            reloading: false,
            said: String::new(),
        }
    }

    fn update(&mut self, coordinator: &Coordinator) {
        let summary = coordinator.summary();
        let late = self.deadline.is_some_and(|at| at <= Instant::now());
        if !self.is_ready && (coordinator.is_ready() || late) {
            self.is_ready = true;
            self.deadline = None;
            coordinator.shared.ledger.is_complete();
            // Whatever waits for the agent comes after this in the journal, too.
            journal::ready(&summary);
            told(notify::ready(&summary));
        } else if self.reloading && !coordinator.is_loading() {
            self.reloading = false;
            told(notify::ready(&summary));
            journal::reloaded(&summary);
        } else if self.said != summary {
            told(notify::status(&summary));
        }
        self.said = summary;
    }
}
