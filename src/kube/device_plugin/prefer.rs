//! Which VFs kubelet shall give to a container, of those that it may give.

use super::offer::{Device, Devices, Place};
use sriovd_core::model::PciAddress;
use std::collections::{BTreeMap, BTreeSet};

/// How VFs are taken from several PFs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spread {
    /// One PF is used up before the next one is begun: pods that need many VFs of one PF find them.
    Pack,
    /// From each PF in turn: pods share PFs with as few others as can be.
    Spread,
}

/// So many of those that are available, the ones among them that must be included: near to what is chosen already, then by PF as
/// `spread` says, free ones first. Ids that are not known are left to kubelet.
pub(super) fn prefer(
    devices: &Devices,
    available: &[String],
    must_include: &[String],
    size: usize,
    spread: Spread,
) -> Vec<PciAddress> {
    let known = |id: &String| id.parse().ok().filter(|vf| devices.contains_key(vf));
    let mut chosen: Vec<PciAddress> = must_include.iter().filter_map(known).collect();
    let mut left: BTreeSet<PciAddress> = available.iter().filter_map(known).collect();
    left.retain(|vf| !chosen.contains(vf));
    let mut available_of: BTreeMap<PciAddress, usize> = BTreeMap::new();
    for vf in &left {
        *available_of.entry(devices[vf].pf).or_default() += 1;
    }
    while chosen.len() < size {
        let rank = |vf: &&PciAddress| {
            let device = &devices[*vf];
            let taken = chosen.iter().map(|it| &devices[it]);
            let of_pf = taken.clone().filter(|it| it.pf == device.pf).count();
            let left = available_of.get(&device.pf).copied().unwrap_or_default();
            let fullness = match spread {
                // Where something of this container is already, then where least is left.
                Spread::Pack => (usize::MAX - of_pf, left),
                Spread::Spread => (of_pf, usize::MAX - left),
            };
            let held = !device.vf.holders.is_empty();
            (held, distance(&device.place, taken), fullness, **vf)
        };
        let Some(&best) = left.iter().min_by_key(rank) else {
            break;
        };
        left.remove(&best);
        if let Some(count) = available_of.get_mut(&devices[&best].pf) {
            *count -= 1;
        }
        chosen.push(best);
    }
    chosen
}

/// How many of the others are on another NUMA node, and how many below another PCIe root. What is not known is elsewhere.
fn distance<'a>(place: &Place, others: impl Iterator<Item = &'a Device> + Clone) -> (usize, usize) {
    let node = |it: &&Device| place.numa_node.is_none() || it.place.numa_node != place.numa_node;
    let root = |it: &&Device| place.pcie_root.is_none() || it.place.pcie_root != place.pcie_root;
    (
        others.clone().filter(node).count(),
        others.filter(root).count(),
    )
}

#[cfg(test)]
mod tests;
