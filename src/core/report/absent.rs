//! PFs that policies name and that are not here.

use crate::model::{MacAddress, Node, PciAddress, PfSnapshot, PolicyName};
use crate::policy::resolve::holds_on;
use crate::policy::{PfMatch, PolicySet, glob};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A PF that policies name and that this host does not have.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct AbsentPf {
    /// What the policies call it.
    #[serde(flatten)]
    pub name: PfName,
    /// Those that name it.
    pub policies: BTreeSet<PolicyName>,
}

/// What can only mean one PF.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PfName {
    /// By `match.pci_address`.
    Address(PciAddress),
    /// By `match.pf_name`, where that is no glob.
    Interface(String),
    /// By `match.mac`: the permanent address.
    Mac(MacAddress),
}

impl fmt::Display for PfName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Interface(interface) => interface.fmt(f),
            Self::Mac(mac) => mac.fmt(f),
        }
    }
}

/// What is here. `seen` may be fewer than `addresses`: some could not be looked at yet.
#[derive(Debug, Default)]
pub struct Present<'a> {
    /// All PFs that are on the PCI bus.
    pub addresses: BTreeSet<PciAddress>,
    /// Those that could be looked at.
    pub seen: Vec<&'a PfSnapshot>,
}

impl Present<'_> {
    /// As long as one PF's interface is out of sight it may have any.
    fn knows_macs(&self) -> bool {
        let is_known = |pf: &&PfSnapshot| {
            let has_none = || pf.driver.as_ref().is_none_or(|it| it.is_userspace());
            pf.interface.is_some() || has_none()
        };
        self.seen.len() == self.addresses.len() && self.seen.iter().all(is_known)
    }

    /// Nor as long as one will be called otherwise.
    fn knows_names(&self) -> bool {
        let mut interfaces = self.seen.iter().filter_map(|pf| pf.interface.as_ref());
        self.knows_macs() && interfaces.all(|interface| interface.name_is_final)
    }

    fn has(&self, name: &PfName) -> bool {
        let mut interfaces = self.seen.iter().filter_map(|pf| pf.interface.as_ref());
        match name {
            PfName::Address(address) => self.addresses.contains(address),
            PfName::Interface(name) => interfaces.any(|it| it.goes_by(name)),
            PfName::Mac(mac) => interfaces.any(|it| it.known_mac() == *mac),
        }
    }
}

/// The PFs that policies of this node name and that are not here. An interface name or MAC address
/// is only told as absent once every PF has been looked at and has its final name.
pub fn absent(policies: &PolicySet, node: &Node, present: &Present<'_>) -> Vec<AbsentPf> {
    let mut absent: BTreeMap<PfName, BTreeSet<PolicyName>> = BTreeMap::new();
    let (knows_macs, knows_names) = (present.knows_macs(), present.knows_names());
    for policy in policies.policies.iter().filter(|it| holds_on(it, node)) {
        let mut names = names(&policy.matches);
        names.retain(|name| match name {
            PfName::Address(_) => !present.has(name),
            PfName::Interface(_) => knows_names && !present.has(name),
            PfName::Mac(_) => knows_macs && !present.has(name),
        });
        for name in names {
            absent.entry(name).or_default().insert(policy.name.clone());
        }
    }
    let absent = absent.into_iter();
    absent
        .map(|(name, policies)| AbsentPf { name, policies })
        .collect()
}

/// By the key that says most exactly which PF is meant. A glob means whatever there is.
fn names(matches: &PfMatch) -> Vec<PfName> {
    let PfMatch {
        pci_address,
        pf_name,
        mac,
        ..
    } = matches;
    if !pci_address.is_empty() {
        return pci_address.iter().copied().map(PfName::Address).collect();
    }
    if !pf_name.is_empty() {
        let names = pf_name.iter().map(|pattern| &pattern.glob);
        let literal = names.filter(|name| !glob::is_glob(name));
        return literal.cloned().map(PfName::Interface).collect();
    }
    mac.iter().copied().map(PfName::Mac).collect()
}

#[cfg(test)]
mod tests;
