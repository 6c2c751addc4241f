//! Addresses that VFs of several PFs were given: what one has is not given to another.

use super::OwnedPf;
use crate::model::{MacAddress, PciAddress, TakenAddresses};
use crate::plan::Memory;
use std::collections::BTreeSet;

impl OwnedPf {
    fn addresses(&self) -> impl Iterator<Item = MacAddress> {
        self.vfs.values().filter_map(|vf| vf.mac)
    }
}

impl Memory {
    /// Adds what VFs of the other PFs that are present were given, or are just being given.
    pub fn note_addresses(&self, but: PciAddress, taken: &mut TakenAddresses) {
        for (&pf, owned) in self.pfs.iter().filter(|(pf, _)| **pf != but) {
            if !taken.is_present(pf) {
                continue;
            }
            let interface = owned.hold.as_ref().and_then(|it| it.interface.as_ref());
            let name = interface.map_or_else(|| pf.to_string(), |it| it.name.to_string());
            for (&vf, mine) in &owned.vfs {
                taken.note(mine.mac, &name, Some(vf));
            }
        }
    }

    /// Remembers what is owned of a PF, unless a VF of another one was given an address meanwhile
    /// that is new in it. Whether it is remembered.
    pub fn claim(&mut self, pf: PciAddress, owned: OwnedPf, taken: &TakenAddresses) -> bool {
        let known = self.pfs.get(&pf).into_iter();
        let known: BTreeSet<_> = known.flat_map(OwnedPf::addresses).collect();
        let new: BTreeSet<_> = owned.addresses().filter(|it| !known.contains(it)).collect();
        let is_another = |it: PciAddress| it != pf && taken.is_present(it);
        let is_free = !self.pfs.iter().any(|(&other, theirs)| {
            is_another(other) && theirs.addresses().any(|mac| new.contains(&mac))
        });
        if is_free {
            self.pfs.insert(pf, owned);
        }
        is_free
    }
}
