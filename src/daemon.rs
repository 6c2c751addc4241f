//! The daemon: events in, passes side by side, results out. Nothing here blocks.

mod announce;
mod backoff;
mod bereft;
mod contest;
mod coordinator;
pub mod descriptors;
pub mod device_plugin;
mod evidence;
mod job;
pub mod journal;
mod ledger;
mod listen;
mod listing;
mod loading;
mod neighbours;
mod notify;
mod once;
mod outputs;
mod passes;
mod pausing;
mod readiness;
mod slot;
mod sole;
mod status;
mod timers;
mod triggers;
mod watched;

use crate::agent::Settings;
use crate::api::{self, Feed, Request, TlsError};
use crate::attach::{AttachError, Collected, Lender};
use crate::events::{Cause, Neighbour, Sources, Trigger};
use crate::file;
use crate::host::linux::LinuxHost;
use crate::host::{Host, HostError};
use crate::model::allocation::ALLOCATIONS;
use crate::model::{Holder, Node, PciAddress, VfIndex};
use crate::policy::PolicySet;
use crate::policy::load::{LastGoodError, Loaded};
use crate::reconcile::Outcome;
use crate::state::Store;
use anyhow::Context;
use coordinator::{Coordinator, Shared};
use ledger::StateLedger;
pub use once::apply;
use outputs::Published;
use readiness::Readiness;
use slot::Waiting;
pub use sole::NotSole;
use sole::SoleAgent;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{self, Receiver};
use tokio::time::Interval;

/// Work that is over.
#[derive(Debug)]
enum Message {
    Pass {
        pf: PciAddress,
        outcome: Box<Outcome>,
        /// None where that could not be read.
        allocated: Option<BTreeMap<VfIndex, Holder>>,
        collected: Vec<Result<Collected, AttachError>>,
    },
    Listed {
        listed: Result<BTreeSet<PciAddress>, HostError>,
        collected: Vec<Result<Collected, AttachError>>,
        waiting: Waiting,
    },
    Node {
        node: Result<Node, HostError>,
        cause: Cause,
    },
    Loaded {
        loaded: Box<Loaded>,
        cause: Cause,
        unsaved: Option<LastGoodError>,
        /// None where they were not read.
        tls: Option<Result<(), TlsError>>,
    },
    Published(Box<Published>),
    /// Outputs that are not as they were written.
    Looked(BTreeSet<PathBuf>),
}

/// A step that is at work when the daemon is told to stop may end; nothing is undone.
const STOP_PATIENCE: Duration = Duration::from_secs(2);

/// Events wait here while the loop is busy; when it is full they wait in the sockets' buffers.
const TRIGGER_QUEUE: usize = 1024;

const REQUEST_QUEUE: usize = 16;

/// Threads whose work is over wait with it until there is room.
const MESSAGE_QUEUE: usize = 64;

pub async fn run(settings: Settings, root: PathBuf) -> anyhow::Result<()> {
    // Before the service manager is told anything: it may answer with a signal at once.
    let mut reload = signal(SignalKind::hangup()).context("cannot handle SIGHUP")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot handle SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot handle SIGINT")?;
    // For the life of the process.
    let _sole = SoleAgent::of(&root, "sriovd")?;
    journal::started(env!("CARGO_PKG_VERSION"));
    // A directory that is missing is awaited where it will appear, and there our own files are heard.
    for watched in [Path::new(ALLOCATIONS), &settings.posted_dir()] {
        drop(file::create_directories(&file::under(&root, watched)));
    }
    // Before the first look: what happens in between is looked at again.
    let sources = Sources::subscribe(
        neighbours::directories(&settings, &root),
        settings.limits.receive_buffer,
    )
    .await?;
    let mut shared = shared(settings, root)?;
    shared.tls = listen::tls(&shared)?;
    let listener = api::listen(&file::under(&shared.root, &shared.settings.api.socket))?;

    let (triggers, mut triggered) = mpsc::channel(TRIGGER_QUEUE);
    let (neighbours, mut neighbourhood) = mpsc::channel(TRIGGER_QUEUE);
    let (messages, mut finished) = mpsc::channel(MESSAGE_QUEUE);
    let (requests, mut requested) = mpsc::channel(REQUEST_QUEUE);
    let mut coordinator = Coordinator::new(shared, messages);
    let state = coordinator.api_state(requests);
    let settings = Arc::clone(&coordinator.shared.settings);
    let posted = file::under(&coordinator.shared.root, &settings.posted_dir());
    let for_vf_operator = listen::for_vf_operator(&settings, &coordinator.shared.root).await?;
    let vf_operator = listen::serve_vf_operator(for_vf_operator, posted, state.clone());
    let tcp = listen::on_tcp(&coordinator.shared).await?;
    let serve = api::serve(listener, tcp, state);
    let work = coordinate(
        &mut coordinator,
        &mut triggered,
        &mut neighbourhood,
        &mut finished,
        &mut requested,
        &mut reload,
    );
    tokio::select! {
        // What is at hand is done before more is taken in.
        biased;
        ended = work => match ended {},
        ended = sources.run(triggers, neighbours) => return Err(error_of(ended)),
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

fn shared(settings: Settings, root: PathBuf) -> anyhow::Result<Shared> {
    let host: Arc<dyn Host> = Arc::new(LinuxHost::new(root.clone()));
    let found = host.node().context("cannot tell which host this is")?;
    let node = settings.node.of(found);
    let (store, lost) = Store::open(&file::under(&root, &settings.state_dir));
    if let Some(lost) = &lost {
        journal::state_lost(&lost.path, lost);
    }
    let store = Arc::new(store);
    let ledger = StateLedger::new(Arc::clone(&store), &root, lost.is_some());
    let after_boot = !ledger.has_marks();
    drop(store.update(|memory| memory.start(&node.kernel, after_boot)));
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
    neighbourhood: &mut Receiver<Neighbour>,
    finished: &mut Receiver<Message>,
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
            Some(neighbour) = neighbourhood.recv() => coordinator.on_neighbour(&neighbour),
            Some(request) = requested.recv() => coordinator.on_request(request),
            Some(()) = reload.recv() => {
                readiness.begin_reload();
                coordinator.load_policies(Cause::Reload);
            }
            () = until(timer) => coordinator.on_time(Instant::now()),
            () = tick(&mut watchdog) => told(notify::alive()),
        }
        readiness.update(coordinator);
    }
}

async fn drain(coordinator: &mut Coordinator, finished: &mut Receiver<Message>) {
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

#[cfg(test)]
mod tests;
