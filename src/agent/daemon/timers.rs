//! What is due: retries, passes that were put off, kernel calls that have not come back.

use super::list::{list, list_again};
use super::load::load_policies;
use super::node::look_again;
use super::outputs::publish;
use super::passes::{ask, begin, look_for_free_addresses};
use super::pausing::{end_pauses, next_end_of_pause};
use super::seen::tell_also;
use super::slot::{Retry, Slot, Waiting, tell_done};
use super::value::Daemon;
use crate::events::Cause;
use sriovd_core::model::PciAddress;
use std::time::Instant;

pub(super) fn on_time(daemon: &mut Daemon, now: Instant) {
    for pf in slots_where(daemon, |slot| is_due(slot.retry_at, now)) {
        try_again(daemon, pf);
    }
    let was_put_off = |slot: &Slot| slot.waiting.is_some() && is_due(slot.not_before, now);
    for pf in slots_where(daemon, was_put_off) {
        begin(daemon, pf);
    }
    let deadlines = daemon.deadlines();
    let hangs = |slot: &Slot| {
        let running = slot.running.as_ref();
        running.is_some_and(|it| it.hung.is_none() && it.deadline(&deadlines) <= now)
    };
    let hung = slots_where(daemon, hangs);
    for &pf in &hung {
        report_hung(daemon, pf);
    }
    if !hung.is_empty() {
        daemon.has_news = true;
    }
    end_pauses(daemon);
    if is_due(daemon.publisher.retry_at, now) {
        daemon.publisher.retry_at = None;
        daemon.publisher.mark_all();
        publish(daemon);
    }
    if is_due(daemon.listing.retry_at(), now) {
        list_again(daemon);
    }
    if is_due(daemon.collection.retry_at, now) {
        daemon.collection.retry_at = None;
        list(daemon, Waiting::new(Cause::Retry));
    }
    if is_due(daemon.node.retry_at(), now) {
        look_again(daemon);
    }
    if is_due(daemon.publisher.drift.retry_at, now) {
        daemon.publisher.drift.retry_at = None;
        daemon.publisher.mark_all();
        publish(daemon);
    }
    if is_due(daemon.loading.retry_at, now) {
        daemon.loading.retry_at = None;
        let cause = daemon.loading.cause_of_retry();
        load_policies(daemon, cause);
    }
}

/// When `on_time` has something to do next.
pub(super) fn next_time(daemon: &Daemon) -> Option<Instant> {
    let deadlines = daemon.deadlines();
    let slot_time = |slot: &Slot| {
        let running = slot.running.as_ref().filter(|it| it.hung.is_none());
        let deadline = running.map(|running| running.deadline(&deadlines));
        let waits = slot.waiting.is_some() && slot.running.is_none();
        let put_off = slot.not_before.filter(|_| waits);
        let times = [slot.retry_at, deadline, put_off];
        times.into_iter().flatten().min()
    };
    let pause = next_end_of_pause(daemon);
    let publisher = &daemon.publisher;
    let publications = [publisher.retry_at, publisher.drift.retry_at];
    let readings = [
        daemon.loading.retry_at,
        daemon.listing.retry_at(),
        daemon.collection.retry_at,
        daemon.node.retry_at(),
        pause,
    ];
    let retries = readings.into_iter().chain(publications);
    let slots = daemon.slots.values().filter_map(slot_time);
    slots.chain(retries.flatten()).min()
}

/// Waits for that time, or for ever.
pub(super) async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

fn slots_where(daemon: &Daemon, holds: impl Fn(&Slot) -> bool) -> Vec<PciAddress> {
    let slots = daemon.slots.iter().filter(|(_, slot)| holds(slot));
    slots.map(|(&pf, _)| pf).collect()
}

fn try_again(daemon: &mut Daemon, pf: PciAddress) {
    let mut cause = Cause::Retry;
    if let Some(slot) = daemon.slots.get_mut(&pf) {
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
    ask(daemon, pf, waiting);
}

fn report_hung(daemon: &mut Daemon, pf: PciAddress) {
    let Some(slot) = daemon.slots.get_mut(&pf) else {
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
    tell_also(slot, pf, problem, &daemon.shared.feed);
    if let Some(first_look) = &mut daemon.first_look {
        first_look.remove(&pf);
    }
    daemon.shared.addresses.expect_no_more(pf);
    look_for_free_addresses(daemon, pf);
}

fn is_due(at: Option<Instant>, now: Instant) -> bool {
    at.is_some_and(|at| at <= now)
}

#[cfg(test)]
mod tests;
