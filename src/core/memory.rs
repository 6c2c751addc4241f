//! What survives a restart, as a value. The planner gets what it needs of it.
#![warn(missing_docs)]
#![deny(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros
)]

use crate::model::lenient::Foreign;
use crate::model::{Assignment, MacAddress, NetworkName, PciAddress, PfSnapshot, TakenAddresses};
use crate::plan::{Capability, OwnedPf};
use crate::policy::resolve::Hold;
use crate::report::Pauses;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Everything that survives a restart and cannot be observed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Memory {
    /// What sriovd has set on each PF and may undo.
    #[serde(default)]
    pub pfs: BTreeMap<PciAddress, OwnedPf>,
    /// The kernel release for which it was learnt what drivers do not support.
    #[serde(default)]
    pub kernel: String,
    /// Which VF a network was given last.
    #[serde(default)]
    pub assignments: BTreeMap<NetworkName, Assignment>,
    /// Files that we wrote, so that we remove no other.
    #[serde(default)]
    pub files: BTreeSet<PathBuf>,
    /// What somebody wants to be left alone for now.
    #[serde(default, skip_serializing_if = "Pauses::is_empty")]
    pub pauses: Pauses,
    /// What another version wrote down and this one does not understand.
    #[serde(skip)]
    pub foreign: Foreign,
}

impl Memory {
    /// What holds a PF, see `OwnedPf::hold_on`.
    pub fn hold_on(&self, pf: &PfSnapshot) -> Option<&Hold> {
        self.pfs.get(&pf.address)?.hold_on(pf)
    }

    /// Something is written down of the PF, and it is not understood.
    pub fn is_in_doubt(&self, pf: PciAddress) -> bool {
        self.foreign.contains(&["pfs", &pf.to_string()])
    }

    /// The agent starts. After a boot nothing is as it was set up, and another kernel may have learnt
    /// what this one's drivers could not.
    pub fn start(&mut self, kernel: &str, after_boot: bool) {
        if after_boot {
            for pf in self.pfs.values_mut() {
                pf.brought_up = None;
                (pf.reload_due, pf.up_before) = (false, false);
                pf.unsupported
                    .retain(|it| !matches!(it, Capability::EswitchMode(_)));
            }
        }
        if self.kernel != kernel {
            for pf in self.pfs.values_mut() {
                pf.unsupported.clear();
            }
            kernel.clone_into(&mut self.kernel);
        }
    }

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
        let known: BTreeSet<_> = known.flat_map(macs).collect();
        let new: BTreeSet<_> = macs(&owned).filter(|it| !known.contains(it)).collect();
        let is_another = |it: PciAddress| it != pf && taken.is_present(it);
        let is_free = !self.pfs.iter().any(|(&other, theirs)| {
            is_another(other) && macs(theirs).any(|mac| new.contains(&mac))
        });
        if is_free {
            self.pfs.insert(pf, owned);
        }
        is_free
    }
}

/// What VFs of one PF were given: what one has is not given to another.
fn macs(owned: &OwnedPf) -> impl Iterator<Item = MacAddress> {
    owned.addresses().map(|(mac, _)| mac)
}

#[cfg(test)]
mod tests;
