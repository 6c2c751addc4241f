//! The state file as the pass's memory.

use super::Ledger;
use crate::model::{DriverName, PciAddress};
use crate::plan::{Capability, OwnedPf};
use crate::state::Store;
use std::collections::BTreeSet;

/// What the disk refuses is kept at hand, and saved with the next change (see `Store::update`);
/// that it does so is said by whoever publishes.
impl Ledger for Store {
    fn owned(&self, pf: PciAddress) -> Option<OwnedPf> {
        self.read(|memory| memory.pfs.get(&pf).cloned())
    }

    fn set_owned(&self, pf: PciAddress, owned: Option<OwnedPf>) {
        drop(self.update(|memory| match owned {
            Some(owned) => drop(memory.pfs.insert(pf, owned)),
            None => drop(memory.pfs.remove(&pf)),
        }));
    }

    fn unsupported(&self, driver: &DriverName) -> BTreeSet<Capability> {
        self.read(|memory| memory.unsupported.get(driver).cloned())
            .unwrap_or_default()
    }

    fn learn_unsupported(&self, driver: &DriverName, capability: Capability) {
        drop(self.update(|memory| {
            memory
                .unsupported
                .entry(driver.clone())
                .or_default()
                .insert(capability);
        }));
    }
}
