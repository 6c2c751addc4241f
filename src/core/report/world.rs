//! What is known of one PF, and how that reads in the world: what was seen of it beside what is
//! wanted of it.

use super::{Problem, Seen};
use crate::model::world::{Located, World, WorldClaim, WorldDevice, WorldPf, WorldVf};
use crate::model::{Holder, HostSnapshot, PciAddress, PfSnapshot, VfIndex, VfSnapshot};
use crate::policy::resolve::{Claim, DesiredPf, Resolution};
use serde::{Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Written as a `WorldPf`, which is made when somebody reads it: a host has thousands of VFs, and
/// mostly nobody does.
#[derive(Debug, PartialEq)]
pub struct KnownPf {
    /// Its PCI address.
    pub address: PciAddress,
    /// What the last pass saw; none where it could not be looked at since the agent started.
    pub seen: Option<Arc<Seen>>,
    /// VFs that are allocated to containers.
    pub allocated: BTreeMap<VfIndex, Holder>,
    /// What is not as wanted, worst first. It may be more than what was seen.
    pub problems: Vec<Problem>,
}

impl Located for KnownPf {
    fn address(&self) -> PciAddress {
        self.address
    }
}

impl World<KnownPf> {
    /// A host as it was seen. `resolutions` may lack PFs: no policy wants anything of those.
    pub fn of_host(host: &HostSnapshot, resolutions: &BTreeMap<PciAddress, Resolution>) -> Self {
        let known = |pf: &PfSnapshot| {
            let resolution = resolutions.get(&pf.address).cloned();
            let resolution = resolution.unwrap_or(Resolution::Unmatched);
            KnownPf::seen(pf.clone(), resolution, Vec::new())
        };
        Self::of(&host.node.hostname, host.pfs.values().map(known))
    }

    /// What was seen of each PF that could be looked at, in order of address.
    pub fn seen(&self) -> impl Iterator<Item = &Seen> + Clone {
        self.pfs().values().filter_map(|pf| pf.seen.as_deref())
    }
}

impl KnownPf {
    /// One of which no VF is known to be allocated. `problems` are worst first.
    pub fn seen(pf: PfSnapshot, resolution: Resolution, problems: Vec<Problem>) -> Self {
        Self {
            address: pf.address,
            allocated: BTreeMap::new(),
            problems: problems.clone(),
            seen: Some(Arc::new(Seen {
                pf,
                resolution,
                problems,
            })),
        }
    }

    /// For other programs.
    pub fn in_world(&self) -> WorldPf {
        let problems = self.problems.clone();
        match &self.seen {
            Some(seen) => world_pf(seen, &self.allocated, problems),
            None => WorldPf::unseen(self.address, problems),
        }
    }
}

impl Serialize for KnownPf {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.in_world().serialize(serializer)
    }
}

fn world_pf(seen: &Seen, allocated: &BTreeMap<VfIndex, Holder>, problems: Vec<Problem>) -> WorldPf {
    let (pf, desired) = (&seen.pf, seen.desired());
    let report = super::PfReport::of(pf, &seen.resolution, problems);
    let vfs = pf.vfs.iter();
    WorldPf {
        address: pf.address,
        device: Some(device(pf)),
        state: report.state,
        policies: report.policies,
        vfs_wanted: report.vfs_wanted,
        vfs: vfs
            .map(|(&index, vf)| {
                let looked_for = pf.holders.as_ref().and_then(|holders| holders.get(&index));
                let known = looked_for.into_iter().flatten();
                let known = known.chain(allocated.get(&index)).cloned();
                world_vf(index, vf, desired, known.collect())
            })
            .collect(),
        problems: report.problems,
    }
}

fn device(pf: &PfSnapshot) -> WorldDevice {
    let interface = pf.interface.as_ref();
    WorldDevice {
        vendor: pf.vendor,
        device: pf.device,
        driver: pf.driver.clone(),
        interface: interface.map(|it| it.name.clone()),
        mac: pf.permanent_mac(),
        link_type: interface.map(|it| it.link_type),
        mtu: interface.map(|it| it.mtu),
        up: interface.is_some_and(|it| it.up),
        carrier: interface.is_some_and(|it| it.carrier),
        numa_node: pf.numa_node,
        pcie_root: pf.pcie_root.clone(),
        eswitch_mode: pf.eswitch_mode,
        vfs_possible: pf.total_vfs,
    }
}

fn world_vf(
    index: VfIndex,
    vf: &VfSnapshot,
    desired: Option<&DesiredPf>,
    mut holders: BTreeSet<Holder>,
) -> WorldVf {
    // That it is there is seen without looking for more; which namespace it is, is not.
    if vf.interface_elsewhere && holders.is_empty() {
        holders.insert(Holder::Namespace { name: None });
    }
    let interface = vf.interface.as_ref();
    let wanted = desired.and_then(|desired| desired.vfs.get(&index));
    let lack = wanted.and_then(|wanted| wanted.lacks(vf));
    let claim = desired.and_then(|desired| desired.claim_of(index));
    WorldVf {
        index,
        address: vf.address,
        device: vf.device,
        driver: vf.driver.clone(),
        interface: interface.map(|it| it.name.clone()),
        mac: interface.map(|it| it.mac),
        mtu: interface.map(|it| it.mtu),
        representor: vf.representor.as_ref().map(|it| it.name.clone()),
        iommu_group: vf.iommu_group,
        no_iommu: vf.no_iommu,
        rdma: vf.rdma.clone(),
        attributes: vf.settings,
        not_ready: lack
            .filter(|_| claim.is_some())
            .map(|lack| lack.to_string()),
        claim: claim.map(world_claim),
        holders,
    }
}

fn world_claim(claim: &Claim) -> WorldClaim {
    WorldClaim {
        policy: claim.policy.clone(),
        pool: claim.resource.clone(),
        prefix: claim.resource_prefix.clone(),
        is_rdma: claim.is_rdma,
        need_vhost_net: claim.need_vhost_net,
        exclude_topology: claim.exclude_topology,
    }
}

#[cfg(test)]
mod tests;
