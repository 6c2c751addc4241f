//! What a pass saw of a PF: told, kept, and looked at again where no event would come.

use super::backoff::jitter;
use super::shared::Shared;
use super::slot::{Closing, INTERFACE_PATIENCE, Running, Slot};
use super::{announce, journal};
use crate::api::Feed;
use sriovd_core::host::HostError;
use sriovd_core::model::{Holder, PciAddress, VfIndex};
use sriovd_core::report::{
    Happening, KnownPf, Performed, PfReport, Problem, ProblemKind, Seen, TakenVf,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often the altnames of a PF that is down are looked at: the kernel tells of them only while it is up.
const UNHEARD_NAMES: Duration = Duration::from_secs(5);

/// Whether it is the same value, without a look at what it says.
fn is_same(before: &Option<Arc<Seen>>, now: &Option<Arc<Seen>>) -> bool {
    let both = before.as_ref().zip(now.as_ref());
    both.is_some_and(|(before, now)| Arc::ptr_eq(before, now))
}

/// Whether outputs have something new to tell.
pub(super) fn saw(
    slot: &mut Slot,
    seen: Seen,
    allocated: Option<BTreeMap<VfIndex, Holder>>,
    performed: &[Performed],
    taken: &[TakenVf],
    running: &Running,
    shared: &Shared,
) -> bool {
    let feed = &shared.feed;
    let report = seen.report(seen.problems.clone());
    if slot.seen.is_none() {
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
    let has_news = slot.told != seen.problems;
    tell(slot, &report, seen.problems.clone(), feed);
    let before = slot.seen.clone();
    let is_new = show(slot, seen);
    // What could not be read has not changed.
    let allocated = allocated.filter(|allocated| *allocated != slot.allocated);
    let is_as_before = allocated.is_none() && !has_news && is_same(&before, &slot.seen);
    slot.allocated = allocated.unwrap_or_else(|| std::mem::take(&mut slot.allocated));
    if !is_as_before {
        know(slot, running.watched.pf());
    }
    slot.coming.clear();
    // What failed for now is tried again after a while; so is what ends without an event.
    let seen = slot.seen.as_deref();
    let awaits = seen.is_some_and(|seen| seen.pf.awaits_interface());
    let is_silent =
        |seen: &Seen| seen.pf.count_is_changing || !seen.is_known() || seen.is_refused_silently();
    let ends_silently = seen.is_some_and(is_silent) || is_still_closing(slot, running);
    let soon = if slot.blocked.awaits_retry() || ends_silently {
        Some(Instant::now() + slot.backoff.next(jitter()))
    } else {
        slot.backoff.reset();
        None
    };
    let now = Instant::now();
    let overdue_at = slot.overdue_at.take();
    slot.overdue_at = awaits.then(|| overdue_at.unwrap_or(now + INTERFACE_PATIENCE));
    let overdue = slot.overdue_at.filter(|&at| now < at);
    if let Some(seen) = &slot.seen {
        slot.bereft.note(&seen.pf, now);
    }
    let is_unheard = |seen: &Arc<Seen>| seen.may_be_renamed_unheard();
    let asks = shared.policies.ask_for_names() && slot.seen.as_ref().is_some_and(is_unheard);
    let later = [
        slot.contests.next_time(now),
        slot.bereft.next_time(now),
        overdue,
        asks.then(|| now + UNHEARD_NAMES),
    ];
    slot.retry_at = soon.into_iter().chain(later.into_iter().flatten()).min();
    is_new
}

/// VFs come and go one by one, and belong together: outputs tell of them when all have. Where the
/// kernel stands still in between, they tell what there is.
fn show(slot: &mut Slot, seen: Seen) -> bool {
    const STANDS_STILL: Duration = Duration::from_secs(2);
    let vfs = |seen: &Seen| seen.pf.vfs.keys().copied().collect::<Vec<_>>();
    let has_moved = slot.seen.as_deref().map(vfs) != Some(vfs(&seen));
    let now = Instant::now();
    slot.moved_at = match slot.moved_at {
        _ if !seen.pf.count_is_changing => None,
        Some(at) if !has_moved => Some(at),
        _ => Some(now),
    };
    let is_moving = slot.moved_at.is_some_and(|at| now < at + STANDS_STILL);
    // Whoever has what was seen before can tell at a glance that it is still so.
    let same = slot.seen.take().filter(|before| **before == seen);
    let seen = same.unwrap_or_else(|| Arc::new(seen));
    slot.seen = Some(Arc::clone(&seen));
    if is_moving && slot.shown.is_some() {
        return false;
    }
    let shown = slot.shown.replace(Arc::clone(&seen));
    !is_same(&shown, &slot.seen) && shown.as_deref() != Some(&*seen)
}

fn know(slot: &mut Slot, address: PciAddress) {
    let known = KnownPf {
        address,
        seen: slot.seen.clone(),
        allocated: slot.allocated.clone(),
        problems: slot.told.clone(),
    };
    if slot.known.as_deref() != Some(&known) {
        slot.known = Some(Arc::new(known));
    }
}

/// The kernel tells of a closed VFIO device before the device is released (`__fput`), and not
/// when: that is looked for a few times, until another event must come.
fn is_still_closing(slot: &mut Slot, running: &Running) -> bool {
    const LOOKS: u8 = 8;
    let is_refused = slot.seen.as_deref().is_some_and(Seen::is_refused_for_vfio);
    let before = slot.closing.take().filter(|_| is_refused);
    slot.closing = match before {
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
    slot.closing.is_some()
}

pub(super) fn could_not_look(slot: &mut Slot, pf: PciAddress, error: &HostError, feed: &Feed) {
    slot.retry_at = Some(Instant::now() + slot.backoff.next(jitter()));
    // One lack of descriptors ends a look here and a step there, in turn: it is told once.
    let reason = error.to_string();
    if slot.told.iter().any(|it| it.reason == reason) {
        return;
    }
    let problem = Problem {
        kind: ProblemKind::Failed,
        vf: None,
        step: None,
        reason: format!("it cannot be looked at: {reason}"),
        hint: None,
    };
    tell_also(slot, pf, problem, feed);
}

/// Of a PF that is not seen just now: what was told of it before may still be so.
pub(super) fn tell_also(slot: &mut Slot, pf: PciAddress, problem: Problem, feed: &Feed) {
    let place = |it: &Problem| (it.kind, it.vf, it.step.clone());
    let mut problems = slot.told.clone();
    problems.retain(|it| place(it) != place(&problem));
    problems.push(problem);
    problems.sort();
    let report = slot.seen.as_ref().map(|seen| seen.report(problems.clone()));
    let report = report.unwrap_or_else(|| PfReport::unseen(pf));
    tell(slot, &report, problems, feed);
    know(slot, pf);
}

fn tell(slot: &mut Slot, report: &PfReport, problems: Vec<Problem>, feed: &Feed) {
    announce::problems(report, &slot.told, &problems, feed);
    slot.told = problems;
    slot.report = Some(report.clone());
}

#[cfg(test)]
mod tests;
