//! What a pass leaves behind: what it saw, what is wanted of it, and what is not so.

use super::{PfReport, Problem, ProblemKind};
use crate::model::{Holder, PfSnapshot};
use crate::policy::resolve::{DesiredPf, Resolution};

/// The result of a pass over one PF.
#[derive(Debug, PartialEq)]
pub struct Seen {
    /// The PF as the last look of the pass found it.
    pub pf: PfSnapshot,
    /// What the policies want of it.
    pub resolution: Resolution,
    /// What is not as wanted, worst first.
    pub problems: Vec<Problem>,
}

impl Seen {
    /// The PF as it is told of. `problems`, worst first, may be more than what was seen: that a
    /// kernel call does not come back.
    pub fn report(&self, problems: Vec<Problem>) -> PfReport {
        PfReport::of(&self.pf, &self.resolution, problems)
    }

    /// At boot the kernel shows a PF seconds before udev loads its driver.
    pub fn is_known(&self) -> bool {
        self.pf.initialized || self.pf.interface.is_some()
    }

    /// Of an interface that is down the kernel does not tell that an altname came or went
    /// (`netdev_state_change` in net/core/dev.c). Of other ports it is not known whether they are up.
    pub fn may_be_renamed_unheard(&self) -> bool {
        self.pf
            .interface
            .as_ref()
            .is_some_and(|nic| !nic.up || !nic.other_ports.is_empty())
    }

    /// None where no policy names the PF, or none can be told yet.
    pub fn desired(&self) -> Option<&DesiredPf> {
        match &self.resolution {
            Resolution::Desired(desired) => Some(desired),
            Resolution::Unmatched | Resolution::AwaitsName => None,
        }
    }

    /// Whether something is not done because a VFIO group is open.
    pub fn is_refused_for_vfio(&self) -> bool {
        self.is_refused_for(|by| matches!(by, Holder::VfioGroup { .. } | Holder::UserspaceDevice))
    }

    /// Whether it waits for this VFIO group to be closed, or without one for any.
    pub fn waits_for_vfio(&self, group: Option<u32>) -> bool {
        match group {
            None => self.is_refused_for_vfio(),
            Some(closed) => self
                .is_refused_for(|by| matches!(by, Holder::VfioGroup { group } if *group == closed)),
        }
    }

    /// A VF is in the way of something, and nothing will tell when it is free.
    pub fn is_refused_silently(&self) -> bool {
        self.is_refused_for(Holder::ends_silently)
    }

    fn is_refused_for(&self, is_it: impl Fn(&Holder) -> bool) -> bool {
        let in_use = |problem: &Problem| problem.kind == ProblemKind::InUse;
        let held = || self.pf.holders.iter().flat_map(|by_vf| by_vf.values());
        self.problems.iter().any(in_use) && held().flatten().any(is_it)
    }
}
