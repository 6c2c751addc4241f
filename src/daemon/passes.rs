//! One pass per PF at a time, PFs side by side; what failed for now is tried again.

use super::backoff::jitter;
use super::coordinator::Coordinator;
use super::slot::{Closing, Retry, Running, Slot, Waiting, tell_done};
use super::status::pf_report;
use super::{announce, job, journal};
use crate::api::Feed;
use crate::events::Cause;
use crate::host::HostError;
use crate::model::PciAddress;
use crate::policy::resolve::Resolution;
use crate::reconcile::{End, Outcome};
use crate::report::{Happening, Pause, Performed, PfReport, Problem, ProblemKind, Seen, TakenVf};
use std::collections::BTreeSet;
use std::sync::Arc;
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

    fn begin(&mut self, pf: PciAddress) {
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
        match waiting.retry {
            Retry::Nothing => {}
            Retry::Transient => slot.blocked.allow_retries(),
            Retry::Everything => slot.blocked = Default::default(),
        }
        let mut blocked = std::mem::take(&mut slot.blocked);
        // Somebody's wish is done at once, whatever becomes of it.
        blocked.hold(match waiting.retry {
            Retry::Everything => BTreeSet::new(),
            Retry::Nothing | Retry::Transient => slot.contests.held(Instant::now()),
        });
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
        };
        slot.running = Some(job::start(work, pf, waiting, &self.messages));
    }

    pub(super) fn on_pass(&mut self, pf: PciAddress, outcome: Outcome) {
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
        // At boot the kernel shows a PF seconds before udev loads its driver.
        let is_known = |seen: &Seen| seen.pf.initialized || seen.pf.interface.is_some();
        let settled = |slot: &Slot| {
            let seen = slot.seen.as_ref();
            seen.is_none_or(|seen| is_known(seen) && seen.resolution != Resolution::AwaitsName)
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

    /// Retries that are due, and kernel calls that have not come back.
    pub(super) fn on_time(&mut self, now: Instant) {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let retries: Vec<_> = self
            .slots
            .iter()
            .filter(|(_, slot)| due(slot.retry_at))
            .map(|(&pf, _)| pf)
            .collect();
        for pf in retries {
            let mut cause = Cause::Retry;
            if let Some(slot) = self.slots.get_mut(&pf) {
                slot.retry_at = None;
                if let Some(closing) = &slot.closing {
                    cause = closing.cause.clone();
                }
            }
            let waiting = Waiting {
                retry: Retry::Transient,
                vfio_closed: false,
                ..Waiting::new(cause)
            };
            self.ask(pf, waiting);
        }
        let put_off = |slot: &Slot| slot.waiting.is_some() && due(slot.not_before);
        let put_off: Vec<_> = self
            .slots
            .iter()
            .filter(|(_, slot)| put_off(slot))
            .map(|(&pf, _)| pf)
            .collect();
        for pf in put_off {
            self.begin(pf);
        }
        let deadlines = self.deadlines();
        let mut changed = false;
        for (&pf, slot) in &mut self.slots {
            let Some(running) = &mut slot.running else {
                continue;
            };
            if running.hung.is_none() && running.deadline(&deadlines) <= now {
                let problem = running.hang().clone();
                // Who waits for the pass is not kept waiting for the kernel.
                for tell in running.tell.drain(..) {
                    tell_done(tell, Vec::new());
                }
                if let Some(waiting) = &mut slot.waiting {
                    for tell in waiting.tell.drain(..) {
                        tell_done(tell, Vec::new());
                    }
                }
                slot.tell_also(pf, problem, &self.shared.feed);
                if let Some(first_look) = &mut self.first_look {
                    first_look.remove(&pf);
                }
                changed = true;
            }
        }
        if changed {
            self.refresh_status();
        }
        self.end_pauses();
        if due(self.publisher.retry_at) {
            self.publisher.retry_at = None;
            self.publisher.mark_all();
            self.publish();
        }
        if due(self.loading.retry_at) {
            self.loading.retry_at = None;
            self.load_policies(Cause::Retry);
        }
    }

    /// When `on_time` has something to do next.
    pub(super) fn next_time(&self) -> Option<Instant> {
        let deadlines = self.deadlines();
        let slot_time = |slot: &Slot| {
            let running = slot
                .running
                .as_ref()
                .filter(|running| running.hung.is_none());
            let deadline = running.map(|running| running.deadline(&deadlines));
            let waits = slot.waiting.is_some() && slot.running.is_none();
            let put_off = slot.not_before.filter(|_| waits);
            let times = [slot.retry_at, deadline, put_off];
            times.into_iter().flatten().min()
        };
        let pause = self.next_end_of_pause();
        let retries = [self.publisher.retry_at, self.loading.retry_at, pause];
        let slots = self.slots.values().filter_map(slot_time);
        slots.chain(retries.into_iter().flatten()).min()
    }
}

impl Slot {
    pub(super) fn is_hung(&self) -> bool {
        let running = self.running.as_ref();
        running.is_some_and(|running| running.hung.is_some())
    }

    /// Whether it was another than what was seen before.
    fn saw(
        &mut self,
        seen: Seen,
        performed: &[Performed],
        taken: &[TakenVf],
        running: &Running,
        feed: &Feed,
    ) -> bool {
        let report = pf_report(&seen, &seen.problems);
        if self.seen.is_none() {
            journal::pf_appeared(&report);
            let pf = report.address;
            feed.tell(Happening::PfAppeared { pf });
        }
        let took = running.since.elapsed();
        journal::pass_done(&report, performed, &running.cause, took);
        announce::pass(&report, performed, &running.cause, took, feed);
        journal::vfs_taken(&report, taken, &running.cause);
        let taken = taken.iter().cloned();
        taken.for_each(|taken| feed.tell(Happening::VfTaken(taken)));
        self.tell(&report, seen.problems.clone(), feed);
        let is_new = self.seen.as_deref() != Some(&seen);
        self.seen = Some(Arc::new(seen));
        self.coming.clear();
        // What failed for now is tried again after a while; so is what ends without an event.
        let seen = self.seen.as_deref();
        let ends_silently =
            seen.is_some_and(|seen| seen.pf.count_is_changing) || self.is_still_closing(running);
        let soon = if self.blocked.awaits_retry() || ends_silently {
            Some(Instant::now() + self.backoff.next(jitter()))
        } else {
            self.backoff.reset();
            None
        };
        let contests = self.contests.next_time(Instant::now());
        self.retry_at = soon.into_iter().chain(contests).min();
        is_new
    }

    /// The kernel tells of a closed VFIO device before the device is released (`__fput`), and not
    /// when: that is looked for a few times, until another event must come.
    fn is_still_closing(&mut self, running: &Running) -> bool {
        const LOOKS: u8 = 8;
        let is_refused = self.seen.as_deref().is_some_and(Seen::is_refused_for_vfio);
        let before = self.closing.take().filter(|_| is_refused);
        self.closing = match before {
            _ if is_refused && running.vfio_closed => Some(Closing {
                cause: running.cause.clone(),
                looks_left: LOOKS,
            }),
            Some(closing) if closing.looks_left > 1 => Some(Closing {
                looks_left: closing.looks_left - 1,
                ..closing
            }),
            _ => None,
        };
        self.closing.is_some()
    }

    fn could_not_look(&mut self, pf: PciAddress, error: &HostError, feed: &Feed) {
        self.retry_at = Some(Instant::now() + self.backoff.next(jitter()));
        let problem = Problem {
            kind: ProblemKind::Failed,
            vf: None,
            step: None,
            reason: format!("it cannot be looked at: {error}"),
            hint: None,
        };
        self.tell_also(pf, problem, feed);
    }

    /// Of a PF that is not seen just now: what was told of it before may still be so.
    fn tell_also(&mut self, pf: PciAddress, problem: Problem, feed: &Feed) {
        let place = |it: &Problem| (it.kind, it.vf, it.step.clone());
        let mut problems = self.told.clone();
        problems.retain(|it| place(it) != place(&problem));
        problems.push(problem);
        problems.sort();
        let report = self.seen.as_ref().map(|seen| pf_report(seen, &problems));
        let report = report.unwrap_or_else(|| PfReport::unseen(pf));
        self.tell(&report, problems, feed);
    }

    fn tell(&mut self, report: &PfReport, problems: Vec<Problem>, feed: &Feed) {
        announce::problems(report, &self.told, &problems, feed);
        self.told = problems;
        self.report = Some(report.clone());
    }
}

#[cfg(test)]
mod tests;
