//! Addresses that VFs of several PFs were given: what one has is not given to another.

use super::OwnedPf;
use crate::model::{MacAddress, PciAddress, TakenAddresses, VfIndex};
use crate::plan::Memory;
use std::collections::BTreeSet;

impl OwnedPf {
    /// What VFs were given, or are just being given.
    pub fn addresses(&self) -> impl Iterator<Item = (MacAddress, VfIndex)> {
        let vfs = self.vfs.iter();
        let given = vfs.filter_map(|(&index, vf)| Some((vf.mac?, index)));
        given.filter(|(mac, _)| *mac != MacAddress::ZERO)
    }

    fn macs(&self) -> impl Iterator<Item = MacAddress> {
        self.addresses().map(|(mac, _)| mac)
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
            for (mac, vf) in owned.addresses() {
                taken.note(pf, &name, Some(mac), Some(vf));
            }
        }
    }

    /// Remembers what is owned of a PF, unless a VF of another one was given an address meanwhile
    /// that is new in it. Whether it is remembered.
    pub fn claim(&mut self, pf: PciAddress, owned: OwnedPf, taken: &TakenAddresses) -> bool {
        let known = self.pfs.get(&pf).into_iter();
        let known: BTreeSet<_> = known.flat_map(OwnedPf::macs).collect();
        let new: BTreeSet<_> = owned.macs().filter(|it| !known.contains(it)).collect();
        let is_another = |it: PciAddress| it != pf && taken.is_present(it);
        let is_free = !self.pfs.iter().any(|(&other, theirs)| {
            is_another(other) && theirs.macs().any(|mac| new.contains(&mac))
        });
        if is_free {
            self.pfs.insert(pf, owned);
        }
        is_free
    }
}
