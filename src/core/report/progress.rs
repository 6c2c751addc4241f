//! How far a pass has come, in VFs: made, configured and bound, of how many.

use crate::model::{Part, PciAddress, PfStep, Step, VfIndex};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A number out of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, JsonSchema, Serialize, Deserialize)]
pub struct Share {
    /// How many VFs are done.
    pub done: usize,
    /// How many there are to do.
    pub of: usize,
}

/// How far a pass is, in VFs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, JsonSchema, Serialize, Deserialize)]
pub struct Progress {
    /// VFs that the kernel has made.
    pub made: Share,
    /// VFs whose attributes are set.
    pub configured: Share,
    /// VFs that have the driver that they are meant to have.
    pub bound: Share,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shares = [
            (self.made, "made"),
            (self.configured, "configured"),
            (self.bound, "bound"),
        ];
        let asked_for = shares.iter().filter(|(share, _)| share.of != 0);
        for (at, (Share { done, of }, what)) in asked_for.enumerate() {
            let comma = if at == 0 { "VFs " } else { ", " };
            write!(f, "{comma}{what} {done} of {of}")?;
        }
        Ok(())
    }
}

/// Counts while the pass runs.
#[derive(Debug, Default)]
pub struct Tally {
    asked_for: usize,
    appeared: BTreeSet<PciAddress>,
    all_made: bool,
    /// How many settings a VF still lacks.
    settings: BTreeMap<VfIndex, usize>,
    drivers: BTreeMap<VfIndex, usize>,
}

impl Tally {
    /// What a round is about to do, on top of what the rounds before it did.
    pub fn planned(&mut self, steps: &[Step]) {
        for step in steps {
            if let Step::Pf(PfStep::SetNumVfs { to, .. }) = step {
                self.asked_for = usize::from(*to);
                self.appeared.clear();
                self.all_made = false;
            } else if let Some((lacking, vf)) = self.lacking(step) {
                *lacking.entry(vf).or_default() += 1;
            }
        }
    }

    /// Counts a step that has succeeded.
    pub fn step_done(&mut self, step: &Step) {
        if step.facts().part == Part::Count {
            self.all_made = true;
        } else if let Some((lacking, vf)) = self.lacking(step)
            && let Some(lacking) = lacking.get_mut(&vf)
        {
            *lacking = lacking.saturating_sub(1);
        }
    }

    /// Where it is counted that a VF lacks it.
    fn lacking(&mut self, step: &Step) -> Option<(&mut BTreeMap<VfIndex, usize>, VfIndex)> {
        let vf = step.vf()?;
        match step.facts().part {
            Part::Settings => Some((&mut self.settings, vf)),
            Part::Driver => Some((&mut self.drivers, vf)),
            Part::Pf | Part::Count => None,
        }
    }

    /// The kernel has made this function of the PF. False if that is no news.
    pub fn vf_appeared(&mut self, vf: PciAddress) -> bool {
        !self.all_made && self.appeared.len() < self.asked_for && self.appeared.insert(vf)
    }

    /// What has been counted so far.
    pub fn progress(&self) -> Progress {
        let share = |lacking: &BTreeMap<VfIndex, usize>| Share {
            done: lacking.values().filter(|&&lacking| lacking == 0).count(),
            of: lacking.len(),
        };
        let made = match self.all_made {
            true => self.asked_for,
            false => self.appeared.len(),
        };
        Progress {
            made: Share {
                done: made,
                of: self.asked_for,
            },
            configured: share(&self.settings),
            bound: share(&self.drivers),
        }
    }
}

#[cfg(test)]
mod tests;
