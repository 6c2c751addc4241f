//! Which MAC addresses the functions of a host have or are to have, so that no two are given the same.

use super::{MacAddress, PciAddress, PfSnapshot, VfIndex};
use std::collections::BTreeMap;
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

/// Functions by an address, one of each PF that has any with it.
type ByAddress<T> = BTreeMap<MacAddress, BTreeMap<PciAddress, T>>;

/// The addresses of PFs and of their VFs, by address and by PF.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TakenAddresses {
    holders: ByAddress<Function>,
    permanent: ByAddress<String>,
    /// What PFs want for their VFs.
    wanted: ByAddress<Function>,
    /// What PFs may want for their VFs, of which that is not known yet.
    possible: ByAddress<Function>,
    pfs: BTreeMap<PciAddress, OfPf>,
}

/// What is noted of a PF, in the order in which it was noted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct OfPf {
    name: String,
    permanent: Vec<MacAddress>,
    has: Vec<(MacAddress, Option<VfIndex>)>,
    /// `None`: what is wanted of it is not known.
    wants: Option<Vec<(MacAddress, VfIndex)>>,
    /// It is known soon.
    is_awaited: bool,
}

/// What a pass knows of the addresses of its PF.
#[derive(Debug, Clone, Copy)]
pub struct Addressed<'a, Given, Wanted> {
    /// The PF as it was seen.
    pub pf: &'a PfSnapshot,
    /// What its VFs were given, also where it does not show.
    pub given: Given,
    /// What its VFs are to have.
    pub wanted: Wanted,
}

impl TakenAddresses {
    /// A PF that is present, whatever is known of its addresses.
    pub fn note_present(&mut self, pf: PciAddress) {
        self.pfs.entry(pf).or_default();
    }

    /// What a PF is seen to have.
    pub fn note_pf(&mut self, pf: &PfSnapshot) {
        let name = pf.display_name();
        self.note_present(pf.address);
        for mac in permanent(pf) {
            self.note_permanent(pf.address, &name, Some(mac));
        }
        for (mac, vf) in present(pf) {
            self.note(pf.address, &name, Some(mac), vf);
        }
    }

    /// The address that a PF came with.
    pub fn note_permanent(&mut self, pf: PciAddress, name: &str, mac: Option<MacAddress>) {
        if let Some(mac) = mac.filter(|mac| *mac != MacAddress::ZERO) {
            let known = self.permanent.entry(mac).or_default();
            known.entry(pf).or_insert_with(|| name.to_owned());
            self.pfs.entry(pf).or_default().permanent.push(mac);
        }
        self.note(pf, name, mac, None);
    }

    /// An address that a function of a PF has; what is known of it already stays.
    pub fn note(
        &mut self,
        pf: PciAddress,
        name: &str,
        mac: Option<MacAddress>,
        vf: Option<VfIndex>,
    ) {
        if let Some(mac) = mac.filter(|mac| *mac != MacAddress::ZERO) {
            let known = self.holders.entry(mac).or_default();
            let pf_name = || name.to_owned();
            known
                .entry(pf)
                .or_insert_with(|| Function { pf: pf_name(), vf });
            self.pfs.entry(pf).or_default().has.push((mac, vf));
        }
    }

    /// A VF of the PF may be to have the address: it is not known yet what is wanted of that PF.
    pub fn note_possible(&mut self, pf: PciAddress, mac: MacAddress, vf: VfIndex) {
        let known = self.possible.entry(mac).or_default();
        known.entry(pf).or_insert_with(|| Function {
            pf: pf.to_string(),
            vf: Some(vf),
        });
    }

    /// A VF of the PF is to have the address.
    pub fn note_wanted(&mut self, pf: PciAddress, name: &str, mac: MacAddress, vf: VfIndex) {
        let known = self.wanted.entry(mac).or_default();
        known.entry(pf).or_insert_with(|| Function {
            pf: name.to_owned(),
            vf: Some(vf),
        });
        let wants = &mut self.pfs.entry(pf).or_default().wants;
        wants.get_or_insert_default().push((mac, vf));
    }

    /// Whether all of it is noted already, and nothing else of that PF.
    pub fn is_known<G, W>(&self, addressed: Addressed<'_, G, W>) -> bool
    where
        G: Iterator<Item = (MacAddress, VfIndex)>,
        W: Iterator<Item = (MacAddress, VfIndex)>,
    {
        let Addressed { pf, given, wanted } = addressed;
        let Some(known) = self.pfs.get(&pf.address) else {
            return false;
        };
        let interface = pf.interface.as_ref().map(|own| own.name.as_str());
        let has = permanent(pf).map(|mac| (mac, None)).chain(present(pf));
        let has = has.chain(given.map(|(mac, vf)| (mac, Some(vf))));
        interface.is_none_or(|name| name == known.name)
            && known.permanent.iter().copied().eq(permanent(pf))
            && known.has.iter().copied().eq(has)
            && known
                .wants
                .as_ref()
                .is_some_and(|known| known.iter().copied().eq(wanted))
    }

    /// Instead of all that was noted of that PF.
    pub fn replace<G, W>(&mut self, addressed: Addressed<'_, G, W>)
    where
        G: Iterator<Item = (MacAddress, VfIndex)>,
        W: Iterator<Item = (MacAddress, VfIndex)>,
    {
        let Addressed { pf, given, wanted } = addressed;
        self.forget(pf.address);
        self.note_pf(pf);
        let name = pf.display_name();
        for (mac, vf) in given {
            self.note(pf.address, &name, Some(mac), Some(vf));
        }
        for (mac, vf) in wanted {
            self.note_wanted(pf.address, &name, mac, vf);
        }
        let of_pf = self.pfs.entry(pf.address).or_default();
        of_pf.wants.get_or_insert_default();
        of_pf.name = name;
    }

    /// The PF is not there. Whether anything was noted of it.
    pub fn forget(&mut self, pf: PciAddress) -> bool {
        let Some(known) = self.pfs.remove(&pf) else {
            return false;
        };
        for mac in known.permanent {
            forget_in(&mut self.permanent, mac, pf);
        }
        for (mac, _) in known.has {
            forget_in(&mut self.holders, mac, pf);
        }
        for (mac, _) in known.wants.into_iter().flatten() {
            forget_in(&mut self.wanted, mac, pf);
        }
        true
    }

    /// What is wanted of the PF is known soon, or not so soon any more. Whether that is new.
    pub fn set_awaited(&mut self, pf: PciAddress, is_awaited: bool) -> bool {
        let before = std::mem::replace(&mut self.pfs.entry(pf).or_default().is_awaited, is_awaited);
        before != is_awaited
    }

    /// What PFs want, as it is noted there; of those that are present here.
    pub fn note_wants_of(&mut self, known: &Self) {
        for (&mac, functions) in &known.wanted {
            for (&pf, function) in functions {
                if let Some(vf) = function.vf.filter(|_| self.is_present(pf)) {
                    self.note_wanted(pf, &function.pf, mac, vf);
                }
            }
        }
    }

    /// Present PFs of which is to be known soon what is wanted of them.
    pub fn awaited(&self) -> impl Iterator<Item = PciAddress> {
        let awaited = |it: &OfPf| it.is_awaited && it.wants.is_none();
        let pfs = self.pfs.iter();
        pfs.filter(move |(_, it)| awaited(it)).map(|(pf, _)| *pf)
    }

    /// A function of another PF than that one which has the address.
    pub fn holder(&self, mac: MacAddress, but: PciAddress) -> Option<&Function> {
        let mut holders = self.holders.get(&mac)?.iter();
        holders.find(|(pf, _)| **pf != but).map(|(_, it)| it)
    }

    /// A function that has the address, of whatever PF.
    pub fn any_holder(&self, mac: MacAddress) -> Option<&Function> {
        self.holders.get(&mac)?.values().next()
    }

    /// Another PF than that one which came with the address.
    pub fn with_permanent(&self, mac: MacAddress, but: PciAddress) -> Option<&str> {
        let mut pfs = self.permanent.get(&mac)?.iter();
        pfs.find(|(pf, _)| **pf != but)
            .map(|(_, name)| name.as_str())
    }

    /// A function of a PF with a lower PCI address which is to have the address.
    pub fn wanted_before(&self, mac: MacAddress, pf: PciAddress) -> Option<&Function> {
        let first = self.wanted.get(&mac)?.range(..pf).next();
        first.map(|(_, function)| function)
    }

    /// The same, where it is not known yet whether it is.
    pub fn possible_before(&self, mac: MacAddress, pf: PciAddress) -> Option<&Function> {
        let first = self.possible.get(&mac)?.range(..pf).next();
        first.map(|(_, function)| function)
    }

    /// Whether the PF was there.
    pub fn is_present(&self, pf: PciAddress) -> bool {
        self.pfs.contains_key(&pf)
    }
}

fn forget_in<T>(by_address: &mut ByAddress<T>, mac: MacAddress, pf: PciAddress) {
    if let Some(pfs) = by_address.get_mut(&mac) {
        pfs.remove(&pf);
        if pfs.is_empty() {
            by_address.remove(&mac);
        }
    }
}

fn permanent(pf: &PfSnapshot) -> impl Iterator<Item = MacAddress> {
    pf.permanent_mac().into_iter()
}

fn present(pf: &PfSnapshot) -> impl Iterator<Item = (MacAddress, Option<VfIndex>)> {
    let own = pf.interface.as_ref().and_then(|own| own.mac);
    let vfs = pf.vfs.iter();
    let vfs = vfs.filter_map(|(index, vf)| Some((vf.settings.mac?, Some(*index))));
    let all = own.map(|mac| (mac, None)).into_iter().chain(vfs);
    all.filter(|(mac, _)| *mac != MacAddress::ZERO)
}
