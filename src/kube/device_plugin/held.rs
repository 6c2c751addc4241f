//! Which VFs pods have, by all that kubelet tells and keeps.

use super::pods::OnDisk;
use sriovd_core::model::{KubeletAllocation, PciAddress};
use std::collections::BTreeMap;

/// VFs that were given away a moment ago, each with its resource: kubelet may not tell of them yet.
pub(super) type Young = BTreeMap<PciAddress, String>;

/// All that pods have, each VF once. `recorded`: what was known until now; `listed`: the containers that kubelet knows. Of
/// devices of others, which may have such addresses too, nothing is kept.
pub(super) fn held(
    recorded: &[KubeletAllocation],
    listed: Vec<KubeletAllocation>,
    on_disk: &OnDisk,
    young: &Young,
    is_ours: impl Fn(PciAddress) -> bool,
) -> Vec<KubeletAllocation> {
    // What was given last counts, and after it what kubelet knows now.
    let is_unknown = listed.is_empty();
    let mut all: BTreeMap<PciAddress, KubeletAllocation> = BTreeMap::new();
    for allocation in listed {
        let is_other = |resource: &String| *resource != allocation.resource;
        if !young.get(&allocation.vf).is_some_and(is_other) {
            all.entry(allocation.vf).or_insert(allocation);
        }
    }
    let recorded: BTreeMap<_, _> = recorded.iter().map(|it| (it.vf, it)).collect();
    let as_recorded = |vf: PciAddress, resource: &str| {
        let known = recorded.get(&vf).filter(|it| it.resource == resource);
        known.map_or_else(|| unnamed(vf, resource), |&known| known.clone())
    };
    for (&vf, resource) in young {
        all.entry(vf).or_insert_with(|| unnamed(vf, resource));
    }
    match &on_disk.given {
        Some(given) => {
            let lives = given
                .iter()
                .filter(|it| on_disk.directories.contains(&it.pod));
            for it in lives {
                all.entry(it.vf)
                    .or_insert_with(|| as_recorded(it.vf, &it.resource));
            }
        }
        // kubelet, which has just started, may know no pod yet.
        None if is_unknown && !on_disk.directories.is_empty() => {
            for (&vf, &known) in &recorded {
                all.entry(vf).or_insert_with(|| known.clone());
            }
        }
        None => {}
    }
    all.retain(|vf, _| is_ours(*vf) || recorded.contains_key(vf) || young.contains_key(vf));
    all.into_values().collect()
}

fn unnamed(vf: PciAddress, resource: &str) -> KubeletAllocation {
    KubeletAllocation {
        vf,
        resource: resource.to_owned(),
        container: None,
    }
}

#[cfg(test)]
mod tests;
