//! What a pass saw of a PF: told, kept, and looked at again where no event would come.

use super::super::backoff::jitter;
use super::super::passes::is_known;
use super::super::status::pf_report;
use super::super::{announce, journal};
use super::{Closing, INTERFACE_PATIENCE, Running, Slot};
use crate::api::Feed;
use crate::host::HostError;
use crate::model::{Holder, PciAddress, VfIndex};
use crate::report::{Happening, KnownPf, Performed, PfReport, Problem, ProblemKind, Seen, TakenVf};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Whether it is the same value, without a look at what it says.
fn is_same(before: &Option<Arc<Seen>>, now: &Option<Arc<Seen>>) -> bool {
    let both = before.as_ref().zip(now.as_ref());
    both.is_some_and(|(before, now)| Arc::ptr_eq(before, now))
}

impl Slot {
    /// Whether outputs have something new to tell.
    pub(in crate::daemon) fn saw(
        &mut self,
        seen: Seen,
        allocated: Option<BTreeMap<VfIndex, Holder>>,
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
        let has_news = self.told != seen.problems;
        self.tell(&report, seen.problems.clone(), feed);
        let before = self.seen.clone();
        let is_new = self.show(seen);
        // What could not be read has not changed.
        let lent = allocated.filter(|allocated| *allocated != self.allocated);
        let is_as_before = lent.is_none() && !has_news && is_same(&before, &self.seen);
        self.allocated = lent.unwrap_or_else(|| std::mem::take(&mut self.allocated));
        if !is_as_before {
            self.know(running.watched.pf());
        }
        self.coming.clear();
        // What failed for now is tried again after a while; so is what ends without an event.
        let seen = self.seen.as_deref();
        let awaits = seen.is_some_and(|seen| seen.pf.awaits_interface());
        let is_silent = |seen: &Seen| {
            seen.pf.count_is_changing || !is_known(seen) || seen.is_refused_silently()
        };
        let ends_silently = seen.is_some_and(is_silent) || self.is_still_closing(running);
        let soon = if self.blocked.awaits_retry() || ends_silently {
            Some(Instant::now() + self.backoff.next(jitter()))
        } else {
            self.backoff.reset();
            None
        };
        let now = Instant::now();
        let overdue_at = self.overdue_at.take();
        self.overdue_at = awaits.then(|| overdue_at.unwrap_or(now + INTERFACE_PATIENCE));
        let overdue = self.overdue_at.filter(|&at| now < at);
        if let Some(seen) = &self.seen {
            self.bereft.note(&seen.pf, now);
        }
        let later = [
            self.contests.next_time(now),
            self.bereft.next_time(now),
            overdue,
        ];
        self.retry_at = soon.into_iter().chain(later.into_iter().flatten()).min();
        is_new
    }

    /// VFs come and go one by one, and belong together: outputs tell of them when all have. Where the
    /// kernel stands still in between, they tell what there is.
    fn show(&mut self, seen: Seen) -> bool {
        const STANDS_STILL: Duration = Duration::from_secs(2);
        let vfs = |seen: &Seen| seen.pf.vfs.keys().copied().collect::<Vec<_>>();
        let has_moved = self.seen.as_deref().map(vfs) != Some(vfs(&seen));
        let now = Instant::now();
        self.moved_at = match self.moved_at {
            _ if !seen.pf.count_is_changing => None,
            Some(at) if !has_moved => Some(at),
            _ => Some(now),
        };
        let is_moving = self.moved_at.is_some_and(|at| now < at + STANDS_STILL);
        // Whoever has what was seen before can tell at a glance that it is still so.
        let same = self.seen.take().filter(|before| **before == seen);
        let seen = same.unwrap_or_else(|| Arc::new(seen));
        self.seen = Some(Arc::clone(&seen));
        if is_moving && self.shown.is_some() {
            return false;
        }
        let shown = self.shown.replace(Arc::clone(&seen));
        !is_same(&shown, &self.seen) && shown.as_deref() != Some(&*seen)
    }

    fn know(&mut self, address: PciAddress) {
        let known = KnownPf {
            address,
            seen: self.seen.clone(),
            allocated: self.allocated.clone(),
            problems: self.told.clone(),
        };
        if self.known.as_deref() != Some(&known) {
            self.known = Some(Arc::new(known));
        }
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

    pub(in crate::daemon) fn could_not_look(
        &mut self,
        pf: PciAddress,
        error: &HostError,
        feed: &Feed,
    ) {
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
    pub(in crate::daemon) fn tell_also(&mut self, pf: PciAddress, problem: Problem, feed: &Feed) {
        let place = |it: &Problem| (it.kind, it.vf, it.step.clone());
        let mut problems = self.told.clone();
        problems.retain(|it| place(it) != place(&problem));
        problems.push(problem);
        problems.sort();
        let report = self.seen.as_ref().map(|seen| pf_report(seen, &problems));
        let report = report.unwrap_or_else(|| PfReport::unseen(pf));
        self.tell(&report, problems, feed);
        self.know(pf);
    }

    fn tell(&mut self, report: &PfReport, problems: Vec<Problem>, feed: &Feed) {
        announce::problems(report, &self.told, &problems, feed);
        self.told = problems;
        self.report = Some(report.clone());
    }
}
