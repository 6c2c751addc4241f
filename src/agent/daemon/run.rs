//! The life of the daemon: what it listens to, its loop, and its end.

use super::message::{MESSAGE_QUEUE, Message};
use super::notify;
use super::readiness::Readiness;
use super::shared::{Shared, shared};
use super::sole::SoleAgent;
use super::timers::{next_time, until};
use super::turn::{Event, turn};
use super::value::Daemon;
use super::{journal, listen, neighbours};
use crate::api::{self, Request};
use crate::events::{EventSources, Neighbour, Trigger, bridges};
use crate::settings::Settings;
use crate::state::{Store, posted};
use anyhow::Context;
use sriovd_core::model::allocation::ALLOCATIONS;
use sriovd_core::model::kubelet::KUBELET;
use sriovd_host::file;
use sriovd_host::file::apart::Apart;
use sriovd_host::ovsdb;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{self, Receiver};
use tokio::sync::watch;
use tokio::time::Interval;

/// A step that is at work when the daemon is told to stop may end; nothing is undone.
const STOP_PATIENCE: Duration = Duration::from_secs(2);

/// Events wait here while the loop is busy; when it is full they wait in the sockets' buffers.
const TRIGGER_QUEUE: usize = 1024;

const REQUEST_QUEUE: usize = 16;

/// The daemon, until it is told to stop. An error where it cannot begin or go on.
pub async fn run(settings: Settings, root: PathBuf) -> anyhow::Result<()> {
    // Before the service manager is told anything: it may answer with a signal at once.
    let mut reload = signal(SignalKind::hangup()).context("cannot handle SIGHUP")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot handle SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot handle SIGINT")?;
    // For the life of the process.
    let _sole = SoleAgent::of(&root, "sriovd")?;
    journal::started(env!("CARGO_PKG_VERSION"));
    // A directory that is missing is awaited where it will appear, and there our own files are heard.
    let apart = Apart::default();
    let (sources, posted) = (settings.sources_dir(), settings.posted_dir());
    for watched in [
        Path::new(ALLOCATIONS),
        Path::new(KUBELET),
        &sources,
        &posted,
    ] {
        let watched = file::under(&root, watched);
        let place = watched.parent().unwrap_or(&watched).to_owned();
        drop(apart.run(&place, move || file::create_directories(&watched)));
    }
    // Before the first look: what happens in between is looked at again.
    let matter = watch::Sender::new(false);
    let database = file::under(&root, Path::new(ovsdb::SOCKET));
    let sources = EventSources::subscribe(
        neighbours::directories(&settings, &root),
        bridges::BridgeEvents::new(database, matter.subscribe()),
        settings.limits.receive_buffer,
    )
    .await?;
    let mut shared = shared(settings, root, apart)?;
    take_over(&shared);
    shared.tls = listen::tls(&shared)?;
    let listener = api::listen(&file::under(&shared.root, &shared.settings.api.socket))?;

    let (triggers, mut triggered) = mpsc::channel(TRIGGER_QUEUE);
    let (neighbours, mut neighbourhood) = mpsc::channel(TRIGGER_QUEUE);
    let (messages, mut finished) = mpsc::channel(MESSAGE_QUEUE);
    let (requests, mut requested) = mpsc::channel(REQUEST_QUEUE);
    let mut daemon = Daemon::new(shared, messages);
    daemon.bridges = matter;
    let state = api_state(&daemon, requests);
    let tcp = listen::on_tcp(&daemon.shared).await?;
    let serve = api::serve(listener, tcp, state);
    let work = work_on(
        &mut daemon,
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
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    notify::stopping();
    journal::stopping();
    stop(&mut daemon);
    let ending = drain(&mut daemon, &mut finished);
    // A step that is still at work then is the kernel's to finish.
    drop(tokio::time::timeout(STOP_PATIENCE, ending).await);
    Ok(())
}

/// Where vf-operator's API is now, for those who have it, or had.
fn take_over(shared: &Shared) {
    let directory = shared.state_dir();
    let place = directory.clone();
    let taken = (shared.apart).run(&place, move || posted::take_over(&directory));
    match taken.unwrap_or_else(|unanswered| Err(unanswered.into())) {
        Ok(0) => {}
        Ok(files) => journal::posted_taken_over(files),
        Err(error) => journal::posted_not_taken_over(&error),
    }
    if shared.settings.vf_operator.enabled {
        journal::vf_operator_elsewhere();
    }
}

fn api_state(daemon: &Daemon, requests: mpsc::Sender<Request>) -> api::State {
    api::State {
        view: daemon.view.subscribe(),
        host: Arc::clone(&daemon.shared.host),
        memory: Arc::<Store>::clone(&daemon.shared.store),
        requests,
        feed: daemon.shared.feed.clone(),
        admin_group: daemon.shared.settings.api.admin_group.clone(),
        sources: api::Sources::new(
            file::under(&daemon.shared.root, &daemon.shared.settings.sources_dir()),
            daemon.shared.apart.clone(),
        ),
        kubelet: api::Kubelet::new((*daemon.shared.root).clone(), daemon.shared.apart.clone()),
    }
}

/// No new pass, and those at work end with the step at hand.
fn stop(daemon: &mut Daemon) {
    daemon.stopping = true;
    for running in daemon
        .slots
        .values()
        .filter_map(|slot| slot.running.as_ref())
    {
        running.watched.cancel();
    }
}

fn error_of(ended: anyhow::Result<Infallible>) -> anyhow::Error {
    match ended {
        Err(error) => error,
        Ok(never) => match never {},
    }
}

/// The loop: whatever comes first is one turn.
async fn work_on(
    daemon: &mut Daemon,
    triggered: &mut Receiver<Trigger>,
    neighbourhood: &mut Receiver<Neighbour>,
    finished: &mut Receiver<Message>,
    requested: &mut Receiver<Request>,
    reload: &mut Signal,
) -> Infallible {
    let mut watchdog = notify::watchdog_interval().map(tokio::time::interval);
    let mut readiness = Readiness::new(daemon.shared.settings.limits.start_deadline);
    turn(daemon, Event::Start);
    loop {
        let due = next_time(daemon).into_iter().chain(readiness.deadline);
        let event = tokio::select! {
            Some(message) = finished.recv() => Event::Message(message),
            Some(trigger) = triggered.recv() => Event::Trigger(trigger),
            Some(neighbour) = neighbourhood.recv() => Event::Neighbour(neighbour),
            Some(request) = requested.recv() => Event::Request(request),
            Some(()) = reload.recv() => {
                readiness.begin_reload();
                Event::Reload
            }
            () = until(due.min()) => Event::Time(Instant::now()),
            () = tick(&mut watchdog) => {
                notify::alive();
                continue;
            }
        };
        turn(daemon, event);
        readiness.update(daemon);
    }
}

async fn drain(daemon: &mut Daemon, finished: &mut Receiver<Message>) {
    while daemon.is_busy() {
        let Some(message) = finished.recv().await else {
            return;
        };
        turn(daemon, Event::Message(message));
    }
}

async fn tick(interval: &mut Option<Interval>) {
    match interval {
        Some(interval) => drop(interval.tick().await),
        None => std::future::pending().await,
    }
}
