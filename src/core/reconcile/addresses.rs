//! Which function of the host has which address, as passes found it: kept, so that a pass looks at other
//! PFs only before it gives a VF an address, not to know why one goes without.

use super::{Pass, Round};
use crate::host::HostError;
use crate::model::{Addressed, MacAddress, PciAddress, PfSnapshot, TakenAddresses, VfIndex};
use crate::plan::OwnedPf;
use crate::policy::MacChoice;
use crate::policy::resolve::{Resolution, holds_on};
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

impl Pass<'_> {
    /// False: an address is another's by now, and there is another plan to be made.
    pub(super) fn own(&self, owned: Option<OwnedPf>, round: &Round) -> bool {
        let pf = round.pf.address;
        match (owned, &round.others) {
            (Some(owned), Some(others)) => self.ledger.claim(pf, owned, others),
            (owned, _) => {
                self.ledger.set_owned(pf, owned);
                true
            }
        }
    }

    /// Of the other PFs as they are now, and of what is written down and wanted of them.
    pub(super) fn taken_addresses(&self, but: PciAddress) -> Result<TakenAddresses, HostError> {
        let mut taken = self.host.taken_addresses(but)?;
        self.ledger.note_addresses(but, &mut taken);
        let known = self.addresses.read();
        taken.note_wants_of(&known);
        for pf in known.awaited().filter(|pf| *pf < but) {
            self.note_possible(pf, &mut taken);
        }
        Ok(taken)
    }

    /// What policies write for VFs of a PF that nobody has looked at yet, as far as they do not name
    /// others by their PCI addresses.
    fn note_possible(&self, pf: PciAddress, taken: &mut TakenAddresses) {
        let policies = self.policies.policies.iter().filter(|policy| {
            let at = &policy.matches.pci_address;
            policy.enabled && holds_on(policy, self.node) && (at.is_empty() || at.contains(&pf))
        });
        for (&vf, special) in policies.flat_map(|policy| &policy.overrides) {
            if let Some(MacChoice::Fixed(mac)) = special.mac {
                taken.note_possible(pf, mac, vf);
            }
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
