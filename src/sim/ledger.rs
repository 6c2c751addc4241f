//! What a pass needs besides a host: a memory that is not on disk, and an observer.

use sriovd_core::host::HostError;
use sriovd_core::memory::Memory;
use sriovd_core::model::{PciAddress, Step, TakenAddresses};
use sriovd_core::plan::OwnedPf;
use sriovd_core::reconcile::{Ledger, Observer};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A ledger in memory, which outlives no program.
#[derive(Debug, Default)]
pub struct MemoryLedger {
    memory: Mutex<Memory>,
    writes: AtomicUsize,
    lost: bool,
}

impl MemoryLedger {
    /// Empty, as after the loss of what was written down.
    pub fn lost() -> Self {
        Self {
            lost: true,
            ..Self::default()
        }
    }

    /// What is remembered now.
    pub fn memory(&self) -> Memory {
        self.lock().clone()
    }

    /// How often something was written down.
    pub fn writes(&self) -> usize {
        self.writes.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> MutexGuard<'_, Memory> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        self.lock()
    }
}

impl From<Memory> for MemoryLedger {
    fn from(memory: Memory) -> Self {
        Self {
            memory: Mutex::new(memory),
            ..Self::default()
        }
    }
}

impl Ledger for MemoryLedger {
    fn owned(&self, pf: PciAddress) -> Option<OwnedPf> {
        self.lock().pfs.get(&pf).cloned()
    }

    fn is_lost(&self, pf: PciAddress) -> bool {
        self.lost || self.lock().is_in_doubt(pf)
    }

    fn note_addresses(&self, but: PciAddress, taken: &mut TakenAddresses) {
        self.lock().note_addresses(but, taken);
    }

    fn claim(&self, pf: PciAddress, owned: OwnedPf, taken: &TakenAddresses) -> bool {
        self.write().claim(pf, owned, taken)
    }

    fn set_owned(&self, pf: PciAddress, owned: Option<OwnedPf>) {
        let mut memory = self.write();
        match owned {
            Some(owned) => memory.pfs.insert(pf, owned),
            None => memory.pfs.remove(&pf),
        };
    }
}

/// No observer: the pass runs to its end.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quiet;

impl Observer for Quiet {
    fn step_begins(&self, _: &Step) {}
    fn step_ends(&self, _: &Step, _: Result<Duration, &HostError>) {}
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// The agent dies after so many steps.
#[derive(Debug)]
pub struct StopAfter(AtomicUsize);

impl StopAfter {
    /// It is cancelled once this many steps are done or have failed.
    pub fn steps(steps: usize) -> Self {
        Self(AtomicUsize::new(steps))
    }
}

impl Observer for StopAfter {
    fn step_begins(&self, _: &Step) {}

    fn step_ends(&self, _: &Step, _: Result<Duration, &HostError>) {
        let less = |left: usize| left.checked_sub(1);
        // Fails at zero only, where it stays.
        let _ = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}
