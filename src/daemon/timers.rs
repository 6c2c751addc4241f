//! What is due: retries, passes that were put off, kernel calls that have not come back.

use super::coordinator::Coordinator;
use super::slot::{Retry, Slot, Waiting, tell_done};
use crate::events::Cause;
use crate::model::PciAddress;
use std::time::Instant;

impl Coordinator {
    pub(super) fn on_time(&mut self, now: Instant) {
        for pf in self.slots_where(|slot| is_due(slot.retry_at, now)) {
            self.try_again(pf);
        }
        let was_put_off = |slot: &Slot| slot.waiting.is_some() && is_due(slot.not_before, now);
        for pf in self.slots_where(was_put_off) {
            self.begin(pf);
        }
        let deadlines = self.deadlines();
        let hangs = |slot: &Slot| {
            let running = slot.running.as_ref();
            running.is_some_and(|it| it.hung.is_none() && it.deadline(&deadlines) <= now)
        };
        let hung = self.slots_where(hangs);
        for &pf in &hung {
            self.report_hung(pf);
        }
        if !hung.is_empty() {
            self.publish_if_wanted();
            self.refresh_status();
            self.tell_settled();
        }
        self.end_pauses();
        if is_due(self.publisher.retry_at, now) {
            self.publisher.retry_at = None;
            self.publisher.mark_all();
            self.publish();
        }
        if is_due(self.listing.retry_at(), now) {
            self.list_again();
        }
        if is_due(self.publisher.drift.retry_at, now) {
            self.publisher.drift.retry_at = None;
            self.publisher.mark_all();
            self.publish();
        }
        if is_due(self.loading.retry_at, now) {
            self.loading.retry_at = None;
            self.load_policies(self.loading.cause_of_retry());
        }
    }

    /// When `on_time` has something to do next.
    pub(super) fn next_time(&self) -> Option<Instant> {
        let deadlines = self.deadlines();
        let slot_time = |slot: &Slot| {
            let running = slot.running.as_ref().filter(|it| it.hung.is_none());
            let deadline = running.map(|running| running.deadline(&deadlines));
            let waits = slot.waiting.is_some() && slot.running.is_none();
            let put_off = slot.not_before.filter(|_| waits);
            let times = [slot.retry_at, deadline, put_off];
            times.into_iter().flatten().min()
        };
        let pause = self.next_end_of_pause();
        let publisher = &self.publisher;
        let publications = [publisher.retry_at, publisher.drift.retry_at];
        let retries = [self.loading.retry_at, self.listing.retry_at(), pause]
            .into_iter()
            .chain(publications);
        let slots = self.slots.values().filter_map(slot_time);
        slots.chain(retries.flatten()).min()
    }

    fn slots_where(&self, holds: impl Fn(&Slot) -> bool) -> Vec<PciAddress> {
        let slots = self.slots.iter().filter(|(_, slot)| holds(slot));
        slots.map(|(&pf, _)| pf).collect()
    }

    fn try_again(&mut self, pf: PciAddress) {
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

    fn report_hung(&mut self, pf: PciAddress) {
        let Some(slot) = self.slots.get_mut(&pf) else {
            return;
        };
        let Some(running) = &mut slot.running else {
            return;
        };
        let problem = running.hang().clone();
        // Who waits for a pass is not kept waiting for the kernel.
        let waiting = slot.waiting.iter_mut();
        for tell in waiting
            .flat_map(|it| it.tell.drain(..))
            .chain(running.tell.drain(..))
        {
            tell_done(tell, Vec::new());
        }
        slot.tell_also(pf, problem, &self.shared.feed);
        if let Some(first_look) = &mut self.first_look {
            first_look.remove(&pf);
        }
    }
}

fn is_due(at: Option<Instant>, now: Instant) -> bool {
    at.is_some_and(|at| at <= now)
}

#[cfg(test)]
mod tests;
