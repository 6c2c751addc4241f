//! The smallest agent: passes over a simulated host, and what it remembers between them.

use super::{MemoryLedger, Quiet, SimHost};
use sriovd_core::host::Host;
use sriovd_core::model::PciAddress;
use sriovd_core::plan::Blocked;
use sriovd_core::policy::PolicySet;
use sriovd_core::reconcile::{Addresses, Observer, Outcome, Pass};
use std::collections::BTreeMap;

/// Passes over a simulated host, without events, threads and outputs.
#[derive(Debug)]
pub struct SimAgent {
    /// The host.
    pub host: SimHost,
    /// What is remembered, as a state file would.
    pub ledger: MemoryLedger,
    /// Which function has which address, as passes found it.
    pub addresses: Addresses,
    /// What is wanted.
    pub policies: PolicySet,
    /// Drivers have had their time.
    pub interfaces_are_overdue: bool,
    blocked: BTreeMap<PciAddress, Blocked>,
}

impl SimAgent {
    /// An agent that has done nothing yet.
    pub fn new(host: SimHost, policies: PolicySet) -> Self {
        Self {
            host,
            ledger: MemoryLedger::default(),
            addresses: Addresses::default(),
            policies,
            interfaces_are_overdue: false,
            blocked: BTreeMap::new(),
        }
    }

    /// One pass, without an override.
    pub fn pass(&mut self, pf: PciAddress) -> Outcome {
        self.pass_with(pf, &Quiet, false)
    }

    /// One pass that `progress` watches and may end; `force`: VFs in use may be taken away.
    pub fn pass_with(&mut self, pf: PciAddress, progress: &dyn Observer, force: bool) -> Outcome {
        let node = self.host.node().unwrap_or_default();
        // Of what is unplugged the kernel tells.
        let gone = self.blocked.keys().filter(|&&pf| !self.host.has(pf));
        gone.for_each(|&pf| self.addresses.forget(pf));
        let pass = Pass {
            host: &self.host,
            policies: &self.policies,
            node: &node,
            ledger: &self.ledger,
            addresses: &self.addresses,
            progress,
            force,
            paused: None,
            interface_is_overdue: self.interfaces_are_overdue,
        };
        let outcome = pass.run(pf, self.blocked.remove(&pf).unwrap_or_default());
        self.blocked.insert(pf, outcome.blocked.clone());
        outcome
    }

    /// Every PF that is there.
    pub fn pass_all(&mut self) -> BTreeMap<PciAddress, Outcome> {
        let pfs = self.host.pfs().unwrap_or_default();
        pfs.into_iter().map(|pf| (pf, self.pass(pf))).collect()
    }

    /// The back-off is over: what may succeed by itself is tried again.
    pub fn retry(&mut self) {
        for blocked in self.blocked.values_mut() {
            blocked.allow_retries();
        }
    }

    /// Only what was written down survives.
    pub fn restart(&mut self) {
        self.blocked.clear();
        self.addresses = Addresses::default();
        self.ledger = MemoryLedger::from(self.ledger.memory());
    }
}
