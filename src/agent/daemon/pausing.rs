//! Changes that somebody wants to be held for a while.

use super::announce::in_full;
use super::passes::ask;
use super::slot::{Waiting, tell_done};
use super::value::Daemon;
use crate::api::{PauseScope, since_1970};
use crate::events::Cause;
use sriovd_core::model::{PciAddress, Timestamp};
use sriovd_core::report::{Happening, Pause, Pauses};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

/// Told whether what was asked for will survive a restart, and why not.
type Done = oneshot::Sender<Result<(), String>>;

pub(super) fn pause(daemon: &mut Daemon, scope: PauseScope, pause: &Pause, done: Done) {
    let by = pause.by.clone();
    tell_scope(daemon, &scope, |pf| Happening::Paused {
        pf,
        pause: pause.clone(),
    });
    change_pauses(daemon, &Cause::Request { by }, |pauses| match scope {
        PauseScope::All => pauses.all = Some(pause.clone()),
        PauseScope::Pfs(pfs) => pauses
            .pfs
            .extend(pfs.into_iter().map(|pf| (pf, pause.clone()))),
    });
    save_pauses(daemon, Some(done));
}

pub(super) fn resume(daemon: &mut Daemon, scope: PauseScope, by: &str, done: Done) {
    tell_scope(daemon, &scope, |pf| Happening::Resumed {
        pf,
        by: Some(by.to_owned()),
    });
    change_pauses(daemon, &Cause::Resumed, |pauses| match scope {
        PauseScope::All => *pauses = Pauses::default(),
        PauseScope::Pfs(pfs) => pauses.pfs.retain(|pf, _| !pfs.contains(pf)),
    });
    save_pauses(daemon, Some(done));
}

/// Pauses that are over by now.
pub(super) fn end_pauses(daemon: &mut Daemon) {
    let now = Timestamp::at(since_1970());
    if daemon.pauses().end(now) {
        let (pf, by) = (None, None);
        daemon.shared.feed.tell(Happening::Resumed { pf, by });
        change_pauses(daemon, &Cause::Resumed, |pauses| {
            pauses.end(now);
        });
        // What the disk does not take is over all the same, also after a restart.
        save_pauses(daemon, None);
    }
}

/// The clock of the wall may be set, so this is asked for anew each time.
pub(super) fn next_end_of_pause(daemon: &Daemon) -> Option<Instant> {
    let end = daemon.paused.read(Pauses::next_end)?;
    let left = end.since_1970().saturating_sub(since_1970());
    Some(Instant::now() + left)
}

fn tell_scope(
    daemon: &Daemon,
    scope: &PauseScope,
    happening: impl Fn(Option<PciAddress>) -> Happening,
) {
    match scope {
        PauseScope::All => daemon.shared.feed.tell(happening(None)),
        PauseScope::Pfs(pfs) => {
            let each = pfs.iter().map(|&pf| happening(Some(pf)));
            each.for_each(|it| daemon.shared.feed.tell(it));
        }
    }
}

fn change_pauses(daemon: &mut Daemon, cause: &Cause, change: impl FnOnce(&mut Pauses)) {
    let before = daemon.pauses();
    daemon.paused.change(change);
    let now = daemon.pauses();
    let is_affected = |pf: &PciAddress| before.of(*pf) != now.of(*pf);
    let affected: Vec<_> = daemon.slots.keys().copied().filter(is_affected).collect();
    for pf in affected {
        let slot = daemon.slots.get(&pf);
        // What it is at now may end, nothing else begins.
        if let Some(running) = slot.and_then(|slot| slot.running.as_ref())
            && now.of(pf).is_some()
        {
            running.watched.cancel();
        }
        ask(daemon, pf, Waiting::new(cause.clone()));
    }
    daemon.has_news = true;
}

fn save_pauses(daemon: &Daemon, done: Option<Done>) {
    let (store, paused) = (Arc::clone(&daemon.shared.store), daemon.paused.clone());
    spawn_blocking(move || {
        // As they are by then, so that no older ones are saved over newer ones.
        let saved = store.update(|memory| memory.pauses = paused.read(Pauses::clone));
        if let Some(done) = done {
            tell_done(done, saved.map_err(|error| in_full(&error)));
        }
    });
}
