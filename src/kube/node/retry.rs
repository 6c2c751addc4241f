//! When to try again, with a random part so that the nodes of a cluster do not all do so at once; and what is said
//! meanwhile, once.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;
use tokio::time::Instant;

const FIRST: Duration = Duration::from_secs(1);
/// Between attempts at what somebody has to mend.
pub(super) const LONGEST: Duration = Duration::from_secs(300);

/// How long to wait after so many failures: twice as long each time, of which up to one half is left out.
pub(super) fn delay(failures: u32, longest: Duration) -> Duration {
    let doubled = 1_u32.checked_shl(failures.saturating_sub(1));
    let whole = FIRST
        .saturating_mul(doubled.unwrap_or(u32::MAX))
        .min(longest);
    let random = RandomState::new().hash_one(failures) % 1000;
    let part = u32::try_from(random).unwrap_or_default();
    whole / 2 + whole / 2000 * part
}

/// One thing that is tried until it succeeds.
#[derive(Debug, Default)]
pub(super) struct Retry {
    failures: u32,
    not_before: Option<Instant>,
    said: Said,
}

impl Retry {
    pub(super) fn has_failed(&mut self, why: String) {
        self.failures = self.failures.saturating_add(1);
        self.not_before = Some(Instant::now() + delay(self.failures, LONGEST));
        self.said.say(why);
    }

    pub(super) fn has_succeeded(&mut self) {
        *self = Self::default();
    }

    /// When it may be tried, if that is later.
    pub(super) fn due(&self) -> Option<Instant> {
        self.not_before.filter(|at| *at > Instant::now())
    }
}

/// What the journal was told last of one thing.
#[derive(Debug, Default)]
pub(super) struct Said(Option<String>);

impl Said {
    pub(super) fn say(&mut self, what: String) {
        if self.0.as_ref() != Some(&what) {
            eprintln!("{what}");
            self.0 = Some(what);
        }
    }

    /// It would be news again.
    pub(super) fn is_over(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_the_longest_and_are_not_all_alike() {
        for (failures, whole) in [
            (0, 1),
            (1, 1),
            (2, 2),
            (4, 8),
            (9, 256),
            (10, 300),
            (99, 300),
        ] {
            let whole = Duration::from_secs(whole);
            for _ in 0..50 {
                let delay = delay(failures, LONGEST);
                assert!(
                    whole / 2 <= delay && delay <= whole,
                    "{failures}: {delay:?}"
                );
            }
        }
        let delays: std::collections::BTreeSet<_> = (0..50).map(|_| delay(5, LONGEST)).collect();
        assert!(delays.len() > 10);
    }
}
