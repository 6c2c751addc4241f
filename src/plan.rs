//! From what is wanted, what is and what we own to what is done next. Pure: no clock, file or socket.
//!
//! A plan holds only what can be done from the snapshot at hand; what follows from it is in the
//! next plan. So verification is planning again, and an empty plan is the proof.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod owned;

use crate::model::Step;
use crate::report::Problem;

/// What to do for one PF now, and what is not done and why.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    pub steps: Vec<Step>,
    pub problems: Vec<Problem>,
    /// The planner must know who uses the VFs before it can say more: look again with holders.
    pub needs_holders: bool,
}
