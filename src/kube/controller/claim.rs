//! Who leads, by a Lease: what one process makes of what it has seen of it. Nothing is asked here, and there is no clock.
//!
//! Moments are of the process' own clock, since it began: what another's says is only compared with what it said before.

use std::time::Duration;

/// A leader that has not renewed the Lease for this long is no leader.
pub(super) const LASTS: Duration = Duration::from_secs(15);
/// So often it is renewed.
const RENEWED: Duration = Duration::from_secs(5);
/// Who could not renew it stops so long before another may begin.
const MARGIN: Duration = Duration::from_secs(5);
/// After a write that failed.
const RETRIED: Duration = Duration::from_secs(2);

/// A Lease, as much of it as matters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Seen {
    /// Differs after each change.
    pub(super) version: String,
    /// Who has it; nobody where it was given back.
    pub(super) holder: Option<String>,
    /// How long it is to last without being renewed.
    pub(super) lasts: Duration,
    /// How often it went from one to another.
    pub(super) transitions: i32,
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing, until this moment or until something is seen.
    Wait(Option<Duration>),
    /// Make the Lease: there is none.
    Make,
    /// Write that it is ours, if it has not changed since.
    Take {
        /// As it was seen.
        version: String,
        /// How often it went from one to another, this time included.
        transitions: i32,
    },
}

/// One process' claim.
#[derive(Debug)]
pub(super) struct Claim {
    me: String,
    /// What the Lease is like, and since when; `None` while nothing is known of it.
    seen: Option<(Option<Seen>, Duration)>,
    /// When the write began that made or kept us the leader.
    held_from: Option<Duration>,
    not_before: Duration,
}

impl Claim {
    pub(super) fn new(me: String) -> Self {
        Self {
            me,
            seen: None,
            held_from: None,
            not_before: Duration::ZERO,
        }
    }

    /// The Lease is so now, or there is none.
    pub(super) fn saw(&mut self, lease: Option<Seen>, now: Duration) {
        let is_mine = lease
            .as_ref()
            .is_some_and(|it| it.holder.as_ref() == Some(&self.me));
        if !is_mine {
            self.held_from = None;
        }
        let same = self.seen.as_ref().is_some_and(|(old, _)| *old == lease);
        if !same {
            self.seen = Some((lease, now));
        }
    }

    /// A write that began then made the Lease this, which is ours.
    pub(super) fn wrote(&mut self, lease: Seen, began: Duration, now: Duration) {
        self.saw(Some(lease), now);
        self.held_from = Some(began);
    }

    /// A write failed.
    pub(super) fn failed(&mut self, now: Duration) {
        self.not_before = now + RETRIED;
    }

    /// Until when we lead, if nothing is heard: nobody else begins before that.
    pub(super) fn leads_until(&self) -> Option<Duration> {
        self.held_from.map(|from| from + LASTS - MARGIN)
    }

    pub(super) fn step(&self, now: Duration) -> Step {
        let Some((lease, since)) = &self.seen else {
            return Step::Wait(None);
        };
        let (due, step) = match lease {
            None => (Duration::ZERO, Step::Make),
            Some(lease) => {
                let is_mine = lease.holder.as_ref() == Some(&self.me);
                let due = match (is_mine, self.held_from) {
                    (true, Some(from)) => from + RENEWED,
                    // By that name nobody else is about.
                    (true, None) => Duration::ZERO,
                    (false, _) if lease.holder.is_none() => Duration::ZERO,
                    (false, _) => *since + lease.lasts,
                };
                let step = Step::Take {
                    version: lease.version.clone(),
                    transitions: lease.transitions + i32::from(!is_mine),
                };
                (due, step)
            }
        };
        match due.max(self.not_before) {
            due if due > now => Step::Wait(Some(due)),
            _ => step,
        }
    }
}

#[cfg(test)]
mod tests;
