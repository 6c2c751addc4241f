//! Which MAC addresses the functions of a host have, so that no other is given one of them.

use super::{MacAddress, PciAddress, PfSnapshot, VfIndex};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A PF or one of its VFs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// The PF as a person names it.
    pub pf: String,
    /// `None`: the PF itself.
    pub vf: Option<VfIndex>,
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.vf {
            Some(vf) => write!(f, "VF {vf} of {}", self.pf),
            None => f.write_str(&self.pf),
        }
    }
}

/// The addresses of PFs and of their VFs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TakenAddresses {
    holders: BTreeMap<MacAddress, Function>,
    permanent: BTreeMap<MacAddress, String>,
    pfs: BTreeSet<PciAddress>,
}

impl TakenAddresses {
    /// A PF that is present, whatever is known of its addresses.
    pub fn note_present(&mut self, pf: PciAddress) {
        self.pfs.insert(pf);
    }

    /// What a PF is seen to have.
    pub fn note_pf(&mut self, pf: &PfSnapshot) {
        self.note_present(pf.address);
        let name = pf.display_name();
        self.note_permanent(&name, pf.permanent_mac());
        let present = pf.interface.as_ref().and_then(|own| own.mac);
        self.note(present, &name, None);
        for (&index, vf) in &pf.vfs {
            self.note(vf.settings.mac, &name, Some(index));
        }
    }

    /// The address that a PF came with.
    pub fn note_permanent(&mut self, name: &str, mac: Option<MacAddress>) {
        if let Some(mac) = mac.filter(|mac| *mac != MacAddress::ZERO) {
            let own = self.permanent.entry(mac);
            own.or_insert_with(|| name.to_owned());
        }
        self.note(mac, name, None);
    }

    /// An address that a function has; what is known of it already stays.
    pub fn note(&mut self, mac: Option<MacAddress>, pf: &str, vf: Option<VfIndex>) {
        let pf = || pf.to_owned();
        if let Some(mac) = mac.filter(|mac| *mac != MacAddress::ZERO) {
            let holder = self.holders.entry(mac);
            holder.or_insert_with(|| Function { pf: pf(), vf });
        }
    }

    /// The function that has the address.
    pub fn holder(&self, mac: MacAddress) -> Option<&Function> {
        self.holders.get(&mac)
    }

    /// The PF that came with the address.
    pub fn with_permanent(&self, mac: MacAddress) -> Option<&str> {
        self.permanent.get(&mac).map(String::as_str)
    }

    /// Whether the PF was there.
    pub fn is_present(&self, pf: PciAddress) -> bool {
        self.pfs.contains(&pf)
    }
}
