//! Outputs that others changed or removed: less and less often put back where it goes on.

use super::contest::{Contests, Evidence};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Instant;

/// What may have drifted, and what keeps doing so.
#[derive(Debug, Default)]
pub(super) struct Drift {
    /// Files of ours to which something happened: it may have been our own doing.
    pub(super) suspects: BTreeSet<PathBuf>,
    pub(super) is_looking: bool,
    contests: Contests<PathBuf>,
    /// When what is contested is looked at again.
    pub(super) retry_at: Option<Instant>,
}

impl Drift {
    pub(super) fn is_idle(&self) -> bool {
        !self.is_looking
    }

    /// Files that a publication that begins now leaves as they are.
    pub(super) fn held(&self) -> BTreeSet<PathBuf> {
        self.contests.held(Instant::now())
    }

    pub(super) fn contested(&self) -> BTreeSet<PathBuf> {
        self.contests.contested().cloned().collect()
    }

    /// `repaired`: files that were put back by a publication that began then.
    pub(super) fn note(&mut self, repaired: &BTreeSet<PathBuf>, begun: Instant) {
        let now = Instant::now();
        self.contests.note(&Evidence {
            performed: repaired,
            repairs: repaired,
            undone: &BTreeSet::new(),
            begun,
            ended: now,
        });
        self.retry_at = self.contests.next_time(now);
    }
}
