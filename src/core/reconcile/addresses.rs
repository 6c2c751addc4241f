//! Which function of the host has which address, as passes found it: kept, so that a pass looks at other
//! PFs only before it gives a VF an address, not to know why one goes without.

use crate::model::{Addressed, MacAddress, PciAddress, PfSnapshot, TakenAddresses, VfIndex};
use crate::plan::OwnedPf;
use crate::policy::resolve::Resolution;
use crate::policy::stable_mac::StableMacs;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

/// Of every PF as its last pass left it. Held for instants, and never over a look.
#[derive(Debug, Default)]
pub struct Addresses {
    known: RwLock<TakenAddresses>,
    changes: AtomicU64,
    /// Each costs a hash.
    stable: Mutex<BTreeMap<PciAddress, Arc<StableMacs>>>,
}

impl Addresses {
    /// How often it has changed. A VF that went without its address before may get it now.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// A PF is there, and what is wanted of it will be known soon: what it may want waits for that.
    pub fn expect(&self, pf: PciAddress) {
        self.change(|known| {
            known.set_awaited(pf, true);
            // Nothing that others go without is free for it.
            false
        });
    }

    /// A PF is there, and nobody knows when it can be looked at.
    pub fn expect_no_more(&self, pf: PciAddress) {
        self.change(|known| known.is_present(pf) && known.set_awaited(pf, false));
    }

    /// A PF is not there any more.
    pub fn forget(&self, pf: PciAddress) {
        self.change(|known| known.forget(pf));
        self.stable().remove(&pf);
    }

    /// Of the VFs of a PF, as `mac = "stable"` makes them.
    pub(super) fn stable_of(&self, pf: &PfSnapshot) -> Arc<StableMacs> {
        let mut stable = self.stable();
        let known = stable.get(&pf.address).filter(|known| known.are_of(pf));
        let known = known.cloned();
        known.unwrap_or_else(|| {
            let new = Arc::new(StableMacs::of(pf));
            stable.insert(pf.address, Arc::clone(&new));
            new
        })
    }

    fn stable(&self) -> MutexGuard<'_, BTreeMap<PciAddress, Arc<StableMacs>>> {
        self.stable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, TakenAddresses> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a pass sees of its PF, has given its VFs, and is to give them.
    pub(super) fn note(&self, pf: &PfSnapshot, owned: Option<&OwnedPf>, resolution: &Resolution) {
        let addressed = || Addressed {
            pf,
            given: owned.into_iter().flat_map(OwnedPf::addresses),
            wanted: wanted(resolution),
        };
        if !self.read().is_known(addressed()) {
            self.change(|known| {
                known.replace(addressed());
                true
            });
        }
    }

    fn change(&self, change: impl FnOnce(&mut TakenAddresses) -> bool) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if change(&mut known) {
            self.changes.fetch_add(1, Ordering::Release);
        }
    }
}

fn wanted(resolution: &Resolution) -> impl Iterator<Item = (MacAddress, VfIndex)> {
    let desired = match resolution {
        Resolution::Desired(desired) => Some(desired),
        Resolution::Unmatched | Resolution::AwaitsName => None,
    };
    let vfs = desired.into_iter().flat_map(|desired| &desired.vfs);
    let macs = vfs.filter_map(|(vf, wanted)| Some((wanted.settings.mac?, *vf)));
    macs.filter(|(mac, _)| *mac != MacAddress::ZERO)
}
