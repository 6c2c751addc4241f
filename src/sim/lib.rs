//! A simulated host behind the same seam as the real one: for tests, benches and offline planning.
//!
//! It refuses what the kernel refuses, does what each driver does, breaks where it is told to, and
//! keeps a record of every action and of every VF that was taken from its holder.
#![warn(missing_docs)]

pub mod agent;
mod bridges;
pub mod driver;
mod fault;
pub mod forecast;
mod hand;
pub mod ledger;
mod look;
mod params;
mod pf;
mod plant;
mod representor;
pub mod sample;
mod step;
mod surroundings;
mod users;

pub use agent::SimAgent;
pub use driver::{DriverModel, Eswitch, WhileDown};
use fault::{Effect, Fault};
pub use ledger::{MemoryLedger, Quiet, StopAfter};
pub use pf::SimPf;
use sriovd_core::host::{Host, HostError, Look};
use sriovd_core::model::bridge::OpenVswitch;
use sriovd_core::model::{
    Action, Errno, Function, Holder, HostSnapshot, Node, PciAddress, PfSnapshot, PfStep, Step,
    TakenAddresses, VfIndex, VfSetting, VfStep,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use surroundings::Surroundings;

/// The simulated host. Its methods may be called from several threads, as a real one's may.
#[derive(Debug, Default)]
pub struct SimHost {
    state: Mutex<State>,
    hanging: Condvar,
    unhung: Condvar,
}

#[derive(Debug, Default)]
struct State {
    node: Node,
    pfs: BTreeMap<PciAddress, SimPf>,
    around: Surroundings,
    faults: Vec<Fault>,
    blind: BTreeMap<PciAddress, Errno>,
    hidden_records: BTreeMap<PciAddress, Errno>,
    hidden_node: Option<Errno>,
    open_vswitch: OpenVswitch,
    looks: Vec<fault::Look>,
    /// How often a PF was looked at.
    observed: usize,
    hung: usize,
    /// Grows with every release, so that a call hung later is not released by an earlier one.
    releases: usize,
    attempts: Vec<Attempt>,
    violations: Vec<Violation>,
    doubles: Vec<Double>,
}

/// An action that was asked for, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// What was asked for.
    pub action: Action,
    /// What was answered.
    pub result: Result<(), HostError>,
}

/// A VF that was destroyed or given another driver while it was in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// What was done.
    pub action: Action,
    /// The VF that it was done to.
    pub vf: VfIndex,
    /// The holders that it had.
    pub holders: BTreeSet<Holder>,
}

/// An address that was given to a VF while another function had it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Double {
    /// The action that gave it.
    pub action: Action,
    /// Another function that had it.
    pub holder: Function,
}

impl SimHost {
    /// A host without PFs.
    pub fn new(node: Node) -> Self {
        Self::from_snapshot(HostSnapshot {
            node,
            pfs: BTreeMap::new(),
        })
    }

    /// A host that goes on from where a snapshot was taken.
    pub fn from_snapshot(snapshot: HostSnapshot) -> Self {
        let mut state = State {
            node: snapshot.node,
            ..State::default()
        };
        for (address, mut pf) in snapshot.pfs {
            bridges::join(&mut state.open_vswitch, pf.open_vswitch.take().as_ref());
            let vfs = pf.vfs.values().filter_map(|vf| vf.interface.as_ref());
            let representors = pf.vfs.values().filter_map(|vf| vf.representor.as_ref());
            let indexes = vfs
                .map(|nic| nic.index)
                .chain(representors.map(|there| there.index))
                .chain(pf.interface.as_ref().map(|nic| nic.index));
            let last = indexes.max().unwrap_or_default();
            let supply = &mut state.around.supply;
            supply.interfaces = supply.interfaces.max(last);
            state.pfs.insert(address, SimPf::from(pf));
        }
        Self {
            state: Mutex::new(state),
            hanging: Condvar::new(),
            unhung: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything is now as in the snapshot.
    pub fn become_as(&self, snapshot: HostSnapshot) {
        let mut other = Self::from_snapshot(snapshot);
        let other = other
            .state
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut *self.state(), other);
    }

    /// Puts a NIC into its slot and gives it its driver.
    pub fn plug(&self, mut pf: SimPf) {
        let state = &mut *self.state();
        pf.get_driver(&mut state.around.supply);
        state.pfs.insert(pf.snapshot.address, pf);
    }

    /// Pulls the NIC. It is returned down and without VFs; `None`: there was none.
    pub fn unplug(&self, pf: PciAddress) -> Option<SimPf> {
        let mut pf = self.state().pfs.remove(&pf)?;
        pf.unplug();
        Some(pf)
    }

    /// Whether there is such a PF, without a look.
    pub fn has(&self, pf: PciAddress) -> bool {
        self.state().pfs.contains_key(&pf)
    }

    /// The host as a look finds it, without holders.
    pub fn snapshot(&self) -> HostSnapshot {
        let state = self.state();
        let pfs = state.pfs.iter();
        HostSnapshot {
            node: state.node.clone(),
            pfs: pfs.map(|(&at, pf)| (at, pf.observed(false))).collect(),
        }
    }

    /// A PF as a look finds it, with holders.
    pub fn pf(&self, pf: PciAddress) -> Option<PfSnapshot> {
        self.state().pfs.get(&pf).map(|pf| pf.observed(true))
    }

    /// Everything that was asked for since the last time this was called.
    pub fn take_attempts(&self) -> Vec<Attempt> {
        std::mem::take(&mut self.state().attempts)
    }

    /// How often a PF was looked at since the last time this was called.
    pub fn take_observed(&self) -> usize {
        std::mem::take(&mut self.state().observed)
    }

    /// Every action so far that took a VF from a holder. An override does so by intent.
    pub fn violations(&self) -> Vec<Violation> {
        self.state().violations.clone()
    }

    /// Addresses that were given twice.
    pub fn doubles(&self) -> Vec<Double> {
        self.state().doubles.clone()
    }

    fn apply_now(&self, action: &Action) -> Result<(), HostError> {
        let mut state = self.state();
        let effect = fault::strike(&mut state.faults, action);
        if effect == Some(Effect::Hang) {
            state.hung += 1;
            self.hanging.notify_all();
            let before = state.releases;
            state = self
                .unhung
                .wait_while(state, |state| state.releases == before)
                .unwrap_or_else(PoisonError::into_inner);
            state.hung -= 1;
        }
        let state = &mut *state;
        if effect == Some(Effect::Vanish) {
            state.pfs.remove(&action.pf);
        }
        let double = double_of(&state.pfs, action);
        let Some(pf) = state.pfs.get_mut(&action.pf) else {
            return Err(step::gone(&action.pf));
        };
        if fault::reads_records(&action.step) {
            fault::records(&state.hidden_records, action.pf)?;
        }
        match effect {
            Some(Effect::Fail(errno)) => return Err(step::as_error(pf, &action.step, errno)),
            // A driver that has no such function says so.
            Some(Effect::Nothing) if pf.takes(&action.step) => return Ok(()),
            Some(Effect::FewerVfs(to)) => {
                pf.apply(
                    &Step::Pf(PfStep::SetNumVfs { from: 0, to }),
                    &mut state.around,
                )?;
                return Err(HostError::NoEffect {
                    what: action.step.to_string(),
                    found: format!("the number of VFs is {to}"),
                });
            }
            Some(Effect::DoAndFail(_) | Effect::Nothing | Effect::Vanish | Effect::Hang) | None => {
            }
        }
        if !action.though_in_use
            && let Some((vf, by)) = quiet_holder(pf, action)
        {
            let by = Box::new(by);
            return Err(HostError::InUse { vf, by });
        }
        let violations = violations_of(pf, action);
        let result = bridges::apply(&mut state.open_vswitch, action)
            .unwrap_or_else(|| pf.apply(&action.step, &mut state.around));
        if matches!(result, Ok(()) | Err(HostError::NoEffect { .. })) {
            state.violations.extend(violations);
        }
        if result.is_ok() {
            state.doubles.extend(double);
        }
        match effect {
            Some(Effect::DoAndFail(errno)) => Err(step::as_error(pf, &action.step, errno)),
            _ => result,
        }
    }
}

impl Host for SimHost {
    fn node(&self) -> Result<Node, HostError> {
        let state = self.state();
        match state.hidden_node {
            Some(errno) => Err(fault::unread(&"the node", errno)),
            None => Ok(state.node.clone()),
        }
    }

    fn pfs(&self) -> Result<BTreeSet<PciAddress>, HostError> {
        let mut state = self.state();
        fault::look(&mut state.looks, None, &"the PCI devices")?;
        Ok(state.pfs.keys().copied().collect())
    }

    fn pf_of(&self, device: PciAddress) -> Result<Option<PciAddress>, HostError> {
        let mut state = self.state();
        fault::look(&mut state.looks, None, &"the PCI devices")?;
        let owns = |pf: &SimPf| pf.snapshot.vfs.values().any(|vf| vf.address == device);
        let mut pfs = state.pfs.iter();
        Ok(pfs
            .find(|(pf, sim)| **pf == device || owns(sim))
            .map(|(pf, _)| *pf))
    }

    fn observe(&self, pf: PciAddress, look: Look) -> Result<Option<PfSnapshot>, HostError> {
        let mut state = self.state();
        if let Some(&errno) = state.blind.get(&pf) {
            return Err(fault::unread(&pf, errno));
        }
        fault::look(&mut state.looks, Some(pf), &pf)?;
        let with_holders = look != Look::Plain;
        if with_holders && state.pfs.contains_key(&pf) {
            fault::records(&state.hidden_records, pf)?;
        }
        state.observed += 1;
        Ok(state.pfs.get(&pf).map(|pf| match look {
            Look::Asking | Look::WithHoldersOf(_) => pf.asked(),
            Look::Plain | Look::WithHolders => pf.observed(with_holders),
        }))
    }

    fn taken_addresses(&self, but: PciAddress) -> Result<TakenAddresses, HostError> {
        let mut state = self.state();
        fault::look(&mut state.looks, None, &"the PCI devices")?;
        let mut taken = TakenAddresses::default();
        for (&pf, sim) in state.pfs.iter().filter(|(pf, _)| **pf != but) {
            taken.note_present(pf);
            if !state.blind.contains_key(&pf) {
                taken.note_pf(&sim.observed(false));
            }
        }
        Ok(taken)
    }

    fn open_vswitch(&self) -> OpenVswitch {
        let state = self.state();
        bridges::seen(&state.open_vswitch, state.pfs.values())
    }

    fn apply(&self, action: &Action) -> Result<(), HostError> {
        let result = self.apply_now(action);
        self.state().attempts.push(Attempt {
            action: action.clone(),
            result: result.clone(),
        });
        result
    }

    fn allocated(&self, pf: &PfSnapshot) -> Result<BTreeMap<VfIndex, Holder>, HostError> {
        let state = self.state();
        fault::records(&state.hidden_records, pf.address)?;
        let sim = state.pfs.get(&pf.address);
        let of = |vf: &VfIndex| sim.and_then(|sim| sim.allocation(*vf));
        let allocated = pf.vfs.keys().filter_map(|vf| Some((*vf, of(vf)?)));
        Ok(allocated.collect())
    }
}

fn double_of(pfs: &BTreeMap<PciAddress, SimPf>, action: &Action) -> Option<Double> {
    let Step::Vf(
        vf,
        VfStep::SetAttribute {
            setting: VfSetting::Mac(mac),
            ..
        },
    ) = action.step
    else {
        return None;
    };
    let mut taken = TakenAddresses::default();
    for (&pf, sim) in pfs {
        let mut seen = sim.snapshot.clone();
        if pf == action.pf {
            seen.vfs.remove(&vf);
        }
        taken.note_pf(&seen);
    }
    let holder = taken.any_holder(mac)?.clone();
    let action = action.clone();
    Some(Double { action, holder })
}

/// As the kernel's host sees who has a VFIO group open: right before it is too late.
fn quiet_holder(pf: &SimPf, action: &Action) -> Option<(VfIndex, Holder)> {
    let mut struck = struck(pf, action).into_iter();
    struck.find_map(|vf| Some((vf, pf.quietly_held(vf)?)))
}

/// The VFs that it takes from whoever uses them.
fn struck(pf: &SimPf, action: &Action) -> Vec<VfIndex> {
    match &action.step {
        Step::Pf(
            PfStep::SetNumVfs { to: 0, .. } | PfStep::SetEswitchMode { .. } | PfStep::ReloadDevlink,
        ) => pf.snapshot.vfs.keys().copied().collect(),
        // A VF without driver has nobody to take it from.
        Step::Vf(vf, VfStep::Bind { .. }) => {
            let bound = pf.snapshot.vfs.get(vf).filter(|vf| vf.driver.is_some());
            bound.map(|_| *vf).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

fn violations_of(pf: &SimPf, action: &Action) -> Vec<Violation> {
    let held = struck(pf, action).into_iter();
    let held = held.map(|vf| (vf, pf.holders(vf)));
    held.filter(|(_, holders)| !holders.is_empty())
        .map(|(vf, holders)| Violation {
            action: action.clone(),
            vf,
            holders,
        })
        .collect()
}

#[cfg(test)]
mod tests;
