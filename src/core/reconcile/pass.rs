//! What a pass works with, and what came of it.

use super::addresses::Addresses;
use crate::host::{Host, HostError};
use crate::model::{Node, PciAddress, PfSnapshot, Step, TakenAddresses};
use crate::plan::{Blocked, OwnedPf, Plan, Taken};
use crate::policy::PolicySet;
use crate::policy::resolve::Resolution;
use crate::report::{Pause, Performed, Problem};
use std::collections::BTreeSet;
use std::time::Duration;

/// What must be remembered over passes and restarts. Implemented by the state file.
pub trait Ledger: Sync {
    /// What sriovd has set on this PF and may undo; `None`: nothing.
    fn owned(&self, pf: PciAddress) -> Option<OwnedPf>;
    /// What was written down of it is lost, and not every PF has been looked at since; or it is not
    /// understood.
    fn is_lost(&self, pf: PciAddress) -> bool;
    /// Remembers it, before the step for which it is. `None` forgets the PF.
    fn set_owned(&self, pf: PciAddress, owned: Option<OwnedPf>);
    /// See `Memory::note_addresses`.
    fn note_addresses(&self, but: PciAddress, taken: &mut TakenAddresses);
    /// See `Memory::claim`.
    fn claim(&self, pf: PciAddress, owned: OwnedPf, taken: &TakenAddresses) -> bool;
}

/// What is told while the pass runs, so that it can be watched and ended.
pub trait Observer: Sync {
    /// A round has something to do.
    fn planned(&self, _steps: &[Step]) {}
    /// A step is about to be done.
    fn step_begins(&self, step: &Step);
    /// It is over: how long it took, or why it failed.
    fn step_ends(&self, step: &Step, result: Result<Duration, &HostError>);
    /// True: no further step, the daemon stops.
    fn is_cancelled(&self) -> bool;
}

/// What a pass works with.
#[derive(Clone, Copy)]
pub struct Pass<'a> {
    /// Where it looks and acts.
    pub host: &'a dyn Host,
    /// What is wanted.
    pub policies: &'a PolicySet,
    /// What the policies see of the node.
    pub node: &'a Node,
    /// What is owned.
    pub ledger: &'a dyn Ledger,
    /// Of all PFs. It is told what the pass finds.
    pub addresses: &'a Addresses,
    /// What is told of it while it runs.
    pub progress: &'a dyn Observer,
    /// VFs in use may be taken away: an override for this PF.
    pub force: bool,
    /// Look, and do nothing.
    pub paused: Option<&'a Pause>,
    /// See `plan::Input`.
    pub interface_is_overdue: bool,
}

/// What a pass found and did.
#[derive(Debug)]
pub struct Outcome {
    /// The steps that were done, in their order.
    pub performed: Vec<Performed>,
    /// The holders that lost a VF to it.
    pub taken: Taken,
    /// Steps that were done and read back as before.
    pub undone: BTreeSet<Step>,
    /// The steps that are not tried again until something changes, for the next pass.
    pub blocked: Blocked,
    /// It ends with a VF that goes without its address because of another PF, as `Addresses` was after
    /// so many changes.
    pub lacks_address: Option<u64>,
    /// How it ended.
    pub end: End,
}

/// What there is to say of the PF after a pass.
#[derive(Debug)]
pub enum End {
    /// There is no such PF (any more).
    Gone,
    /// It could not be looked at.
    Unobservable(HostError),
    /// It was looked at.
    Seen {
        /// The PF as the last look found it.
        pf: Box<PfSnapshot>,
        /// What the policies want of it.
        resolution: Resolution,
        /// What is not as wanted, worst first.
        problems: Vec<Problem>,
    },
}

pub(super) struct Round {
    pub(super) pf: PfSnapshot,
    pub(super) resolution: Resolution,
    pub(super) plan: Plan,
    pub(super) others: Option<TakenAddresses>,
    /// See `Outcome::lacks_address`.
    pub(super) lacks_address: Option<u64>,
}
