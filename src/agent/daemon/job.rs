//! Work that may block: on threads of its own, its results come back as messages.

use super::message::Message;
use super::shared::Shared;
use super::slot::{Running, Waiting};
use super::watched::Watched;
use super::{identity, journal};
use crate::api::Tls;
use crate::events::Cause;
use crate::load::{self, LastGood, LastGoodError, Trust, last_good};
use sriovd_core::model::PciAddress;
use sriovd_core::model::allocation::ALLOCATIONS;
use sriovd_core::plan::Blocked;
use sriovd_core::reconcile::{End, Pass};
use sriovd_core::report::{Happening, Pause};
use sriovd_host::file;
use sriovd_host::file::apart::Apart;
use sriovd_plugins::attach::{self, AttachError, Collected};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc::Sender;
use tokio::task::spawn_blocking;

pub(super) struct PassWork {
    pub(super) shared: Shared,
    pub(super) blocked: Blocked,
    pub(super) force: bool,
    pub(super) paused: Option<Pause>,
    pub(super) interface_is_overdue: bool,
}

pub(super) fn start(
    work: PassWork,
    pf: PciAddress,
    waiting: Waiting,
    messages: &Sender<Message>,
) -> Running {
    let feed = work.shared.feed.clone();
    let watched = Arc::new(Watched::new(pf, feed.clone()));
    let (progress, messages) = (Arc::clone(&watched), messages.clone());
    spawn_blocking(move || {
        let shared = work.shared;
        // Before the look: what nobody has any more is not in use.
        let collected = collect(&shared, Some(pf));
        progress.looks();
        let pass = Pass {
            host: &*shared.host,
            policies: &shared.policies,
            node: &shared.node,
            ledger: &shared.ledger,
            addresses: &shared.addresses,
            progress: &*progress,
            force: work.force,
            paused: work.paused.as_ref(),
            interface_is_overdue: work.interface_is_overdue,
        };
        let outcome = pass.run(pf, work.blocked);
        let allocated = match &outcome.end {
            End::Seen { pf: seen, .. } => shared.host.allocated(seen).ok(),
            End::Gone | End::Unobservable(_) => None,
        };
        drop(messages.blocking_send(Message::Pass {
            pf,
            outcome: Box::new(outcome),
            allocated,
            collected,
        }));
    });
    let Waiting {
        cause,
        tell,
        vfio_closed,
        though_paused,
        ..
    } = waiting;
    journal::pass_begins(pf, &cause);
    feed.tell(Happening::PassBegun {
        pf,
        trigger: cause.to_string(),
    });
    Running {
        since: Instant::now(),
        cause,
        tell,
        vfio_closed,
        though_paused,
        watched,
        hung: None,
    }
}

pub(super) fn list(shared: &Shared, messages: &Sender<Message>, waiting: Waiting) {
    let (shared, messages) = (shared.clone(), messages.clone());
    spawn_blocking(move || {
        let listed = shared.host.pfs();
        // Also of PFs that are not there any more.
        let collected = collect(&shared, None);
        drop(messages.blocking_send(Message::Listed {
            listed,
            collected,
            waiting,
        }));
    });
}

/// What nobody has any more, where the file system of the records answers.
fn collect(shared: &Shared, pf: Option<PciAddress>) -> Vec<Result<Collected, AttachError>> {
    let allocator = shared.allocator.clone();
    let collected = (shared.apart).run(&records_of(shared, pf), move || {
        attach::collect(&allocator, pf)
    });
    collected.unwrap_or_else(|unanswered| vec![Err(unanswered.into())])
}

/// Where there is work on records of one PF, or of all. That of one does not wait for that of another.
fn records_of(shared: &Shared, pf: Option<PciAddress>) -> PathBuf {
    let records = file::under(&shared.root, Path::new(ALLOCATIONS));
    pf.map_or_else(|| records.clone(), |pf| records.join(pf.to_string()))
}

/// Which host this is now, as policies see it.
pub(super) fn look_at_node(shared: &Shared, messages: &Sender<Message>, cause: Cause) {
    let (shared, messages) = (shared.clone(), messages.clone());
    spawn_blocking(move || {
        let node = identity::read(&*shared.host, &shared.root);
        drop(messages.blocking_send(Message::Node { node, cause }));
    });
}

/// Read the policies, and keep what is good of them for the day when it is not readable any more.
/// `known`: what is good already, if not only the disk knows.
pub(super) fn load(
    shared: &Shared,
    known: Option<LastGood>,
    with_node: bool,
    messages: &Sender<Message>,
    cause: Cause,
) {
    let (shared, messages) = (shared.clone(), messages.clone());
    spawn_blocking(move || {
        let directory = shared.state_dir();
        let known = known.map_or_else(|| read_last_good(&shared.apart, &directory), Ok);
        let (known, unread) = match known {
            Ok(known) => (known, None),
            Err(error) => (LastGood::default(), Some(error)),
        };
        let dirs = &shared.settings.all_policy_dirs();
        let loaded = load::load_apart(&shared.apart, &shared.root, dirs, Trust::Enforce, &known);
        // Written over what cannot be read just now, it would lose what is in there.
        let unsaved = match unread {
            Some(unread) if unread.leaves_in_doubt(&loaded) => Some(unread),
            unread => write_last_good(&shared.apart, &loaded.last_good, &directory, unread),
        };
        let tls = shared.tls.as_ref().filter(|_| cause.is_asked_for());
        let tls = tls.map(Tls::reload);
        let node = with_node.then(|| identity::read(&*shared.host, &shared.root));
        drop(messages.blocking_send(Message::Loaded {
            loaded: Box::new(loaded),
            cause,
            unsaved,
            tls,
            node,
        }));
    });
}

fn read_last_good(apart: &Apart, directory: &Path) -> Result<LastGood, LastGoodError> {
    let place = directory.to_owned();
    let read = apart.run(directory, move || last_good::read(&place));
    read.map_err(|unanswered| {
        let (path, source) = (unanswered.path, unanswered.source);
        LastGoodError::Read { path, source }
    })?
}

/// What is wrong after it: that it cannot be written, or else what was wrong with what was there.
fn write_last_good(
    apart: &Apart,
    last_good: &LastGood,
    directory: &Path,
    unread: Option<LastGoodError>,
) -> Option<LastGoodError> {
    let damaged = match &unread {
        Some(LastGoodError::Damaged { path, .. }) => Some(path.clone()),
        _ => None,
    };
    let (last_good, place) = (last_good.clone(), directory.to_owned());
    let write = move || {
        if let Some(path) = damaged {
            // Where it cannot be moved it is written anew: nothing in it is of use.
            let _ = file::set_aside(&path, &path.with_extension("json.broken"));
        }
        last_good::write(&last_good, &place)
    };
    let written = apart.run(directory, write).unwrap_or_else(|unanswered| {
        let (path, source) = (unanswered.path, unanswered.source);
        Err(LastGoodError::Write { path, source })
    });
    written.err().or(unread)
}
