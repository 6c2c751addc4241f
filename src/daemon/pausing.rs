//! Changes that somebody wants to be held for a while.

use super::announce::in_full;
use super::coordinator::Coordinator;
use super::slot::Waiting;
use crate::api::PauseScope;
use crate::events::Cause;
use crate::model::PciAddress;
use crate::report::{Happening, Pause, Pauses};
use std::time::{Instant, SystemTime};

/// Whether what was asked for will survive a restart, and why not.
pub(super) type Kept = Result<(), String>;

impl Coordinator {
    pub(super) fn pause(&mut self, scope: PauseScope, pause: &Pause) -> Kept {
        let by = pause.by.clone();
        let each = self.tell_scope(&scope, |pf| Happening::Paused {
            pf,
            pause: pause.clone(),
        });
        self.change_pauses(&Cause::Request { by }, |pauses| match each {
            None => pauses.all = Some(pause.clone()),
            Some(pfs) => pauses
                .pfs
                .extend(pfs.into_iter().map(|pf| (pf, pause.clone()))),
        })
    }

    pub(super) fn resume(&mut self, scope: PauseScope, by: &str) -> Kept {
        let each = self.tell_scope(&scope, |pf| Happening::Resumed {
            pf,
            by: Some(by.to_owned()),
        });
        self.change_pauses(&Cause::Resumed, |pauses| match each {
            None => *pauses = Pauses::default(),
            Some(pfs) => pauses.pfs.retain(|pf, _| !pfs.contains(pf)),
        })
    }

    /// Pauses that are over by now.
    pub(super) fn end_pauses(&mut self) {
        let now = SystemTime::now();
        if self.pauses().end(now) {
            self.shared
                .feed
                .tell(Happening::Resumed { pf: None, by: None });
            // What the disk does not take is over all the same, also after a restart.
            drop(self.change_pauses(&Cause::Resumed, |pauses| {
                pauses.end(now);
            }));
        }
    }

    /// The clock of the wall may be set, and stands still for nobody: asked for anew each time.
    pub(super) fn next_end_of_pause(&self) -> Option<Instant> {
        let end = self.shared.store.read(|memory| memory.pauses.next_end())?;
        let left = end.time().duration_since(SystemTime::now());
        Some(Instant::now() + left.unwrap_or_default())
    }

    pub(super) fn pauses(&self) -> Pauses {
        self.shared.store.read(|memory| memory.pauses.clone())
    }

    /// None: all PFs.
    fn tell_scope(
        &self,
        scope: &PauseScope,
        happening: impl Fn(Option<PciAddress>) -> Happening,
    ) -> Option<Vec<PciAddress>> {
        match scope {
            PauseScope::All => {
                self.shared.feed.tell(happening(None));
                None
            }
            PauseScope::Pfs(pfs) => {
                let each = pfs.iter().map(|&pf| happening(Some(pf)));
                each.for_each(|it| self.shared.feed.tell(it));
                Some(pfs.clone())
            }
        }
    }

    fn change_pauses(&mut self, cause: &Cause, change: impl FnOnce(&mut Pauses)) -> Kept {
        let before = self.pauses();
        let saved = self
            .shared
            .store
            .update(|memory| change(&mut memory.pauses));
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
        saved.map_err(|error| in_full(&error))
    }
}
