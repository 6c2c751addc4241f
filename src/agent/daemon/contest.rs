//! Somebody else who keeps undoing what the policies want of a PF: put back at once at first, then
//! less and less often.
#![deny(clippy::disallowed_methods)]

use sriovd_core::model::Step;
use sriovd_core::report::{Problem, ProblemKind};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// So many repairs of the same thing within `WINDOW` are no accident.
const REPAIRS: u32 = 5;
const WINDOW: Duration = Duration::from_secs(60);

/// How long a contested step is held off: doubled with each time that it was needed again.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// Between two looks at a PF of which something is contested: whoever never rests makes events all
/// the time.
const PAUSE: Duration = Duration::from_millis(200);

/// What is contested of one PF, or of the outputs, and what may become so.
#[derive(Debug)]
pub(super) struct Contests<T = Step> {
    repairs: BTreeMap<T, Repairs>,
    contested: BTreeMap<T, Contest>,
}

impl<T> Default for Contests<T> {
    fn default() -> Self {
        Self {
            repairs: BTreeMap::new(),
            contested: BTreeMap::new(),
        }
    }
}

#[derive(Debug)]
struct Repairs {
    since: Instant,
    times: u32,
}

#[derive(Debug)]
struct Contest {
    hold: Duration,
    until: Instant,
}

/// What a pass says about who else is at work.
#[derive(Debug, Clone, Copy)]
pub(super) struct Evidence<'a, T = Step> {
    /// Steps that were done, or files that were written.
    pub(super) performed: &'a BTreeSet<T>,
    /// Of these the ones that only put back what was so before.
    pub(super) repairs: &'a BTreeSet<T>,
    /// Of the repairs those that were undone before the pass was over.
    pub(super) undone: &'a BTreeSet<T>,
    pub(super) begun: Instant,
    pub(super) ended: Instant,
}

impl Contest {
    /// When it is over if nobody undoes the step: whoever rests for a moment is not gone.
    fn over_at(&self) -> Instant {
        self.until + self.hold
    }
}

impl<T: Ord + Clone> Contests<T> {
    /// Steps that a pass that begins now leaves alone.
    pub(super) fn held(&self, now: Instant) -> BTreeSet<T> {
        let held = self.contested.iter().filter(|(_, it)| now < it.until);
        held.map(|(step, _)| step.clone()).collect()
    }

    pub(super) fn contested(&self) -> impl Iterator<Item = &T> {
        self.contested.keys()
    }

    /// When a step is tried again, or its contest is over.
    pub(super) fn next_time(&self, now: Instant) -> Option<Instant> {
        let next = |contest: &Contest| match contest.until {
            until if now < until => until,
            _ => contest.over_at(),
        };
        self.contested.values().map(next).min()
    }

    /// When events alone are worth the next look, after one that is over now.
    pub(super) fn next_look(&self, now: Instant) -> Option<Instant> {
        (!self.contested.is_empty()).then(|| now + PAUSE)
    }

    pub(super) fn note(&mut self, seen: &Evidence<T>) {
        self.repairs
            .retain(|_, repairs| seen.ended.duration_since(repairs.since) < WINDOW);
        self.contested.retain(|step, contest| {
            seen.performed.contains(step) || seen.begun < contest.over_at()
        });
        for step in seen.performed {
            if let Some(contest) = self.contested.get_mut(step) {
                contest.hold = (contest.hold * 2).min(LONGEST);
                contest.until = seen.ended + contest.hold;
            } else if seen.repairs.contains(step) {
                self.note_repair(step, seen);
            }
        }
    }

    fn note_repair(&mut self, step: &T, seen: &Evidence<T>) {
        let repairs = self.repairs.entry(step.clone()).or_insert(Repairs {
            since: seen.ended,
            times: 0,
        });
        repairs.times += 1;
        if repairs.times >= REPAIRS || seen.undone.contains(step) {
            self.repairs.remove(step);
            let contest = Contest {
                hold: FIRST,
                until: seen.ended + FIRST,
            };
            self.contested.insert(step.clone(), contest);
        }
    }
}

impl Contests {
    /// One per contested step, for as long as the contest lasts.
    pub(super) fn problems(&self) -> impl Iterator<Item = Problem> + '_ {
        self.contested.keys().map(|step| Problem {
            kind: ProblemKind::Contested,
            vf: step.vf(),
            step: Some(step.clone()),
            reason: format!("another program keeps undoing {}", step.change()),
            hint: Some(format!(
                "sriovd restores it less and less often until that ends: {}",
                step.facts().way_out
            )),
        })
    }
}

#[cfg(test)]
mod tests;
