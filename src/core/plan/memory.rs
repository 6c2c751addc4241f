//! What survives a restart, as a value.

use super::owned::{Capability, OwnedPf};
use crate::model::lenient::Foreign;
use crate::model::{MacAddress, NetworkName, PciAddress, PfSnapshot, VfIndex};
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
}

/// A VF by what stays when its NIC moves to another slot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Assignment {
    /// The permanent address of the PF, where it has one.
    pub permanent_mac: Option<MacAddress>,
    /// The PCI address of the PF.
    pub pf: PciAddress,
    /// The index of the VF on it.
    pub vf: VfIndex,
}

#[cfg(test)]
mod tests;
