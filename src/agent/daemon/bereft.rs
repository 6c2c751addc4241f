//! VFs that have lost their driver: whoever took it is given the time to bind another.
#![deny(clippy::disallowed_methods)]

use sriovd_core::model::{PfSnapshot, VfIndex};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Between unbinding a VF and binding it, programs that do both take milliseconds, and people who
/// type it some seconds.
const GRACE: Duration = Duration::from_secs(10);

/// Since when the VFs of one PF are seen without a driver.
#[derive(Debug, Default)]
pub(super) struct Bereft(BTreeMap<VfIndex, Instant>);

impl Bereft {
    pub(super) fn note(&mut self, pf: &PfSnapshot, now: Instant) {
        let is_bereft = |vf: &VfIndex| pf.vfs.get(vf).is_some_and(|vf| vf.driver.is_none());
        self.0.retain(|vf, _| is_bereft(vf));
        for vf in pf.vfs.keys().filter(|vf| is_bereft(vf)) {
            self.0.entry(*vf).or_insert(now);
        }
    }

    /// Those that nobody is just binding.
    pub(super) fn abandoned(&self, now: Instant) -> BTreeSet<VfIndex> {
        let long = self.0.iter().filter(|(_, since)| now >= **since + GRACE);
        long.map(|(&vf, _)| vf).collect()
    }

    /// When one more is abandoned.
    pub(super) fn next_time(&self, now: Instant) -> Option<Instant> {
        let ends = self.0.values().map(|&since| since + GRACE);
        ends.filter(|end| now < *end).min()
    }
}

#[cfg(test)]
mod tests;
