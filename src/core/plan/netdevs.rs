//! VFs whose drivers have made no netdev, over the looks at them.

use crate::model::{Step, VfIndex, VfStep};
use std::collections::BTreeSet;

/// With the back-off between them 25 seconds: iavf gives up after 20 tries, some seconds later.
const LOOKS: u8 = 8;
/// As long again after it was bound again, for the back-off has grown.
const LOOKS_AGAIN: u8 = 1;

/// VFs whose drivers have made no netdev, over the looks at them. A driver that gives up stays
/// bound and says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Netdevs {
    awaited: BTreeSet<VfIndex>,
    /// How often in vain since they are these.
    looks: u8,
    /// Bound once more for the netdev's sake.
    bound_again: BTreeSet<VfIndex>,
}

impl Netdevs {
    pub(super) fn note(&mut self, missing: &BTreeSet<VfIndex>) {
        if *missing != self.awaited {
            self.looks = 0;
            self.awaited.clone_from(missing);
            self.bound_again.retain(|vf| missing.contains(vf));
        }
    }

    pub(super) fn looked(&mut self) {
        if !self.awaited.is_empty() {
            self.looks = self.looks.saturating_add(1).min(LOOKS);
        }
    }

    pub(super) fn tried(&mut self, step: &Step) {
        if let Step::Vf(vf, VfStep::Bind { .. }) = step
            && self.awaited.contains(vf)
        {
            self.bound_again.insert(*vf);
            self.looks = LOOKS - LOOKS_AGAIN;
        }
    }

    pub(super) fn are_awaited(&self) -> bool {
        !self.awaited.is_empty() && self.looks < LOOKS
    }

    pub(super) fn is_patient(&self, missing: &BTreeSet<VfIndex>) -> bool {
        self.looks < LOOKS || self.awaited != *missing
    }

    pub(super) fn is_bound_again(&self, vf: VfIndex) -> bool {
        self.bound_again.contains(&vf)
    }
}
