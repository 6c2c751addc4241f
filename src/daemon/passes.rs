//! One pass per PF at a time, PFs side by side.

use super::coordinator::Coordinator;
use super::slot::{Retry, Slot, Waiting, tell_done};
use super::{job, journal};
use crate::model::{Holder, PciAddress, VfIndex};
use crate::reconcile::{End, Outcome};
use crate::report::{Happening, Pause, ProblemKind, Seen, TakenVf};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;
use tokio::sync::oneshot;

/// Holds everything until it is known what is there.
const ONLY_LOOKING: Pause = Pause {
    until: None,
    by: String::new(),
};

impl Coordinator {
    /// See to it that a pass begins after now.
    pub(super) fn ask(&mut self, pf: PciAddress, mut waiting: Waiting) {
        let slot = self.slots.entry(pf).or_default();
        if slot.is_hung() {
            for tell in waiting.tell.drain(..) {
                tell_done(tell, Vec::new());
            }
        }
        match &mut slot.waiting {
            Some(already) => already.merge(waiting),
            none => *none = Some(waiting),
        }
        self.begin(pf);
    }

    pub(super) fn begin(&mut self, pf: PciAddress) {
        let Some(slot) = self.slots.get_mut(&pf) else {
            return;
        };
        // Before the policies are read it would look as if there were none.
        if slot.running.is_some() || self.stopping || self.loaded.is_none() {
            return;
        }
        let may_wait = slot.not_before.is_some_and(|at| Instant::now() < at);
        let begins_now = |waiting: &mut Waiting| !(may_wait && waiting.is_echo());
        let Some(waiting) = slot.waiting.take_if(begins_now) else {
            return;
        };
        if waiting.driver_came {
            slot.blocked.allow_binds();
        }
        match waiting.retry {
            Retry::Nothing => {}
            Retry::Transient => slot.blocked.allow_retries(),
            Retry::Everything => slot.blocked.allow_everything(),
        }
        let mut blocked = std::mem::take(&mut slot.blocked);
        // Somebody's wish is done at once, whatever becomes of it.
        let now = Some(Instant::now()).filter(|_| waiting.retry != Retry::Everything);
        blocked.hold(now.map_or_else(BTreeSet::new, |now| slot.contests.held(now)));
        blocked.wait_for_drivers(now.map(|now| slot.bereft.abandoned(now)));
        let pause = match self.only_looks {
            true => Some(ONLY_LOOKING),
            false => self.paused.read(|pauses| pauses.of(pf).cloned()),
        };
        let paused = pause.filter(|_| !waiting.though_paused);
        let work = job::PassWork {
            shared: self.shared.clone(),
            blocked,
            force: waiting.force,
            paused,
            interface_is_overdue: slot.overdue_at.is_some_and(|at| at <= Instant::now()),
        };
        slot.running = Some(job::start(work, pf, waiting, &self.messages));
    }

    pub(super) fn on_pass(
        &mut self,
        pf: PciAddress,
        outcome: Outcome,
        allocated: Option<BTreeMap<VfIndex, Holder>>,
    ) {
        let Some(slot) = self.slots.get_mut(&pf) else {
            return;
        };
        let Some(running) = slot.running.take() else {
            return;
        };
        slot.blocked = outcome.blocked;
        let each = outcome.taken.into_iter();
        let taken: Vec<_> = each
            .map(|(vf, holders)| TakenVf { pf, vf, holders })
            .collect();
        if self.stopping {
            return;
        }
        let is_wish = running.cause.is_wish();
        let is_new = match outcome.end {
            End::Gone => {
                self.forget(pf);
                true
            }
            End::Unobservable(error) => {
                slot.could_not_look(pf, &error, &self.shared.feed);
                false
            }
            End::Seen {
                pf: snapshot,
                resolution,
                mut problems,
            } => {
                if self.only_looks {
                    problems.retain(|it| it.kind != ProblemKind::Paused);
                }
                let mut seen = Seen {
                    pf: *snapshot,
                    resolution,
                    problems,
                };
                slot.note_contests(&mut seen, &outcome.performed, &outcome.undone, &running);
                slot.saw(
                    seen,
                    allocated,
                    &outcome.performed,
                    &taken,
                    &running,
                    &self.shared.feed,
                )
            }
        };
        self.note_first_pass(pf);
        let tell = running.tell;
        let tell_all = move || {
            for tell in tell {
                tell_done(tell, taken.clone());
            }
        };
        if running.though_paused && self.paused.read(|pauses| pauses.of(pf).is_some()) {
            // Whoever asked is told when it is seen again that the PF is paused.
            let (told, seen) = oneshot::channel();
            let again = Waiting {
                tell: vec![told],
                ..Waiting::new(running.cause)
            };
            self.ask(pf, again);
            tokio::spawn(async move {
                let _ = seen.await;
                tell_all();
            });
        } else {
            tell_all();
        }
        self.begin(pf);
        // What is published is a function of what is seen: an event that shows nothing new costs
        // what its PF costs, not what the host does.
        if is_new || is_wish || self.shared.store.is_unsaved() {
            self.publish();
        } else {
            self.publish_if_wanted();
        }
        self.refresh_status();
    }

    fn forget(&mut self, pf: PciAddress) {
        let Some(slot) = self.slots.remove(&pf) else {
            return;
        };
        if let Some(seen) = slot.seen {
            let interface = seen
                .pf
                .interface
                .as_ref()
                .map(|interface| interface.name.as_str());
            journal::pf_vanished(pf, interface);
            self.shared.feed.tell(Happening::PfVanished { pf });
        }
        if let Some(waiting) = slot.waiting {
            self.ask(pf, waiting);
        }
    }

    fn note_first_pass(&mut self, pf: PciAddress) {
        let settled = |slot: &Slot| {
            let seen = slot.seen.as_ref();
            seen.is_none_or(|seen| is_known(seen) && !seen.resolution.awaits_name())
                && !slot.blocked.is_coming()
        };
        if self.slots.get(&pf).is_none_or(settled)
            && let Some(first_look) = &mut self.first_look
        {
            first_look.remove(&pf);
        }
    }

    /// The first look is over: every PF that was there has had a pass, and the outputs are written.
    pub(super) fn is_ready(&self) -> bool {
        self.first_look.as_ref().is_some_and(BTreeSet::is_empty) && self.publisher.is_idle()
    }
}

/// At boot the kernel shows a PF seconds before udev loads its driver.
pub(super) fn is_known(seen: &Seen) -> bool {
    seen.pf.initialized || seen.pf.interface.is_some()
}

#[cfg(test)]
mod tests;
