//! Changes that somebody wants to be held for a while.

use super::announce::in_full;
use super::coordinator::Coordinator;
use super::slot::{Waiting, tell_done};
use crate::api::{PauseScope, since_1970};
use crate::events::Cause;
use crate::model::{PciAddress, Timestamp};
use crate::report::{Happening, Pause, Pauses};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

/// Told whether what was asked for will survive a restart, and why not.
type Done = oneshot::Sender<Result<(), String>>;

/// What is paused now. The memory on the disk follows.
#[derive(Debug, Clone, Default)]
pub(super) struct Current(Arc<Mutex<Pauses>>);

impl Current {
    pub(super) fn new(remembered: Pauses) -> Self {
        Self(Arc::new(Mutex::new(remembered)))
    }

    pub(super) fn read<T>(&self, read: impl FnOnce(&Pauses) -> T) -> T {
        read(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(&self, change: impl FnOnce(&mut Pauses)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Coordinator {
    pub(super) fn pause(&mut self, scope: PauseScope, pause: &Pause, done: Done) {
        let by = pause.by.clone();
        self.tell_scope(&scope, |pf| Happening::Paused {
            pf,
            pause: pause.clone(),
        });
        self.change_pauses(&Cause::Request { by }, |pauses| match scope {
            PauseScope::All => pauses.all = Some(pause.clone()),
            PauseScope::Pfs(pfs) => pauses
                .pfs
                .extend(pfs.into_iter().map(|pf| (pf, pause.clone()))),
        });
        self.save_pauses(Some(done));
    }

    pub(super) fn resume(&mut self, scope: PauseScope, by: &str, done: Done) {
        self.tell_scope(&scope, |pf| Happening::Resumed {
            pf,
            by: Some(by.to_owned()),
        });
        self.change_pauses(&Cause::Resumed, |pauses| match scope {
            PauseScope::All => *pauses = Pauses::default(),
            PauseScope::Pfs(pfs) => pauses.pfs.retain(|pf, _| !pfs.contains(pf)),
        });
        self.save_pauses(Some(done));
    }

    /// Pauses that are over by now.
    pub(super) fn end_pauses(&mut self) {
        let now = Timestamp::at(since_1970());
        if self.pauses().end(now) {
            let (pf, by) = (None, None);
            self.shared.feed.tell(Happening::Resumed { pf, by });
            self.change_pauses(&Cause::Resumed, |pauses| {
                pauses.end(now);
            });
            // What the disk does not take is over all the same, also after a restart.
            self.save_pauses(None);
        }
    }

    /// The clock of the wall may be set, so this is asked for anew each time.
    pub(super) fn next_end_of_pause(&self) -> Option<Instant> {
        let end = self.paused.read(Pauses::next_end)?;
        let left = end.since_1970().saturating_sub(since_1970());
        Some(Instant::now() + left)
    }

    pub(super) fn pauses(&self) -> Pauses {
        self.paused.read(Pauses::clone)
    }

    fn tell_scope(&self, scope: &PauseScope, happening: impl Fn(Option<PciAddress>) -> Happening) {
        match scope {
            PauseScope::All => self.shared.feed.tell(happening(None)),
            PauseScope::Pfs(pfs) => {
                let each = pfs.iter().map(|&pf| happening(Some(pf)));
                each.for_each(|it| self.shared.feed.tell(it));
            }
        }
    }

    fn change_pauses(&mut self, cause: &Cause, change: impl FnOnce(&mut Pauses)) {
        let before = self.pauses();
        self.paused.change(change);
        let now = self.pauses();
        let is_affected = |pf: &PciAddress| before.of(*pf) != now.of(*pf);
        let affected: Vec<_> = self.slots.keys().copied().filter(is_affected).collect();
        for pf in affected {
            let slot = self.slots.get(&pf);
            // What it is at now may end, nothing else begins.
            if let Some(running) = slot.and_then(|slot| slot.running.as_ref())
                && now.of(pf).is_some()
            {
                running.watched.cancel();
            }
            self.ask(pf, Waiting::new(cause.clone()));
        }
        self.refresh_status();
    }

    fn save_pauses(&self, done: Option<Done>) {
        let (store, paused) = (Arc::clone(&self.shared.store), self.paused.clone());
        spawn_blocking(move || {
            // As they are by then, so that no older ones are saved over newer ones.
            let saved = store.update(|memory| memory.pauses = paused.read(Pauses::clone));
            if let Some(done) = done {
                tell_done(done, saved.map_err(|error| in_full(&error)));
            }
        });
    }
}
