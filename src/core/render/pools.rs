//! Which VFs are ready to be given away, by pool.

use super::text::MANAGER;
use crate::model::Assignment;
use crate::model::pools::POOLS_VERSION;
use crate::model::world::World;
use crate::model::{
    MacAddress, PfSnapshot, PoolPf, PoolsFile, ResourceName, ResourcePrefix, VfIndex, VfSnapshot,
};
use crate::policy::resolve::{Claim, DesiredPf, Resolution};
use crate::policy::{DEFAULT_PREFIX, Policy};
use crate::report::{KnownPf, Seen};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Ready VFs in order of PF address and index. A pool without one is not here.
pub type Pools<'a> = BTreeMap<&'a ResourceName, Vec<Member<'a>>>;

/// A VF that is ready, in its pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member<'a> {
    /// The PF of the VF.
    pub pf: &'a PfSnapshot,
    /// The VF's index on it.
    pub index: VfIndex,
    /// The VF.
    pub vf: &'a VfSnapshot,
    /// What put the VF into the pool.
    pub claim: &'a Claim,
}

impl Member<'_> {
    /// What is remembered of this VF when a network gets it.
    pub fn assignment(&self) -> Assignment {
        Assignment {
            permanent_mac: nic_mac(self.pf),
            pf: self.pf.address,
            vf: self.index,
        }
    }

    pub(super) fn is_on_same_nic(&self, last: &Assignment) -> bool {
        self.index == last.vf
            && nic_mac(self.pf).is_some()
            && nic_mac(self.pf) == last.permanent_mac
    }

    pub(super) fn is_at_same_place(&self, last: &Assignment) -> bool {
        self.index == last.vf && self.pf.address == last.pf
    }
}

/// The domain under which a claim's VFs are known to Kubernetes.
pub fn prefix(claim: &Claim) -> &str {
    or_default(claim.resource_prefix.as_ref())
}

fn or_default(prefix: Option<&ResourcePrefix>) -> &str {
    prefix.map_or(DEFAULT_PREFIX, |prefix| prefix.as_str())
}

/// The domain of a pool: that of its first VF, ready or not, and where it has no PF here, of the
/// strongest policy that forms it. `None`: there is no such policy.
pub fn wanted_prefix<'a>(
    resource: &ResourceName,
    world: &'a World<KnownPf>,
    policies: &'a [Policy],
) -> Option<&'a str> {
    let is_it = |other: &Option<ResourceName>| other.as_ref() == Some(resource);
    let here = world.seen().find_map(|seen| {
        let claims = seen.desired()?.policies.iter();
        let claims = claims.filter(|claim| is_it(&claim.resource));
        claims.min_by_key(|claim| &claim.vfs)
    });
    let policies = policies.iter().enumerate();
    let forming = policies.filter(|(_, policy)| policy.enabled && is_it(&policy.resource));
    let strongest = forming.min_by_key(|&(position, policy)| (policy.priority, Reverse(position)));
    let strongest = strongest.map(|(_, policy)| or_default(policy.resource_prefix.as_ref()));
    here.map(prefix).or(strongest)
}

/// The ready VFs of each pool.
pub fn pools(world: &World<KnownPf>) -> Pools<'_> {
    let mut pools = Pools::new();
    for (pf, desired) in managed(world) {
        for (&index, wanted) in &desired.vfs {
            let (Some(claim), Some(vf)) = (desired.claim_of(index), pf.vfs.get(&index)) else {
                continue;
            };
            if let Some(resource) = &claim.resource
                && wanted.is_ready(vf)
            {
                pools.entry(resource).or_default().push(Member {
                    pf,
                    index,
                    vf,
                    claim,
                });
            }
        }
    }
    pools
}

/// The pools as the container plugins read them: all VFs that exist. Whether one is free, and has
/// the driver that its container needs, they look at when they allocate it.
pub fn file(world: &World<KnownPf>) -> PoolsFile {
    let mut pools: BTreeMap<ResourceName, Vec<PoolPf>> = BTreeMap::new();
    for (pf, desired) in managed(world) {
        let resources = desired.policies.iter();
        for resource in resources.filter_map(|claim| claim.resource.as_ref()) {
            pools.entry(resource.clone()).or_default();
        }
        for (&index, vf) in &pf.vfs {
            let claim = desired.claim_of(index);
            let Some(resource) = claim.and_then(|claim| claim.resource.as_ref()) else {
                continue;
            };
            let pool = pools.entry(resource.clone()).or_default();
            if pool.last().is_none_or(|last| last.address != pf.address) {
                pool.push(PoolPf {
                    address: pf.address,
                    name: pf.display_name(),
                    vfs: BTreeMap::new(),
                });
            }
            if let Some(of_pf) = pool.last_mut() {
                of_pf.vfs.insert(index, vf.address);
            }
        }
    }
    PoolsFile {
        managed_by: MANAGER.to_owned(),
        pools,
        version: POOLS_VERSION,
    }
}

/// Whether a VF that a network of this pool had is still meant for it: ready, or about to be.
pub fn is_coming(resource: &ResourceName, last: &Assignment, world: &World<KnownPf>) -> bool {
    let is_of = |pf: &PfSnapshot| match (nic_mac(pf), last.permanent_mac) {
        (Some(mac), Some(last)) => mac == last,
        _ => pf.address == last.pf,
    };
    let is_meant = |seen: &Seen| match &seen.resolution {
        Resolution::Desired(desired) => {
            let claim = desired.claim_of(last.vf);
            let is_back = claim.is_some_and(|claim| claim.resource.as_ref() == Some(resource));
            // How many VFs there will be is known to whoever makes them.
            is_back || (desired.external && seen.pf.count_is_changing)
        }
        Resolution::AwaitsName => true,
        Resolution::Unmatched => false,
    };
    let mut pfs = world.seen();
    pfs.any(|seen| is_of(&seen.pf) && is_meant(seen))
}

/// The PFs that policies name, with what is wanted of them.
fn managed(world: &World<KnownPf>) -> impl Iterator<Item = (&PfSnapshot, &DesiredPf)> {
    let pfs = world.seen();
    pfs.filter_map(|seen| Some((&seen.pf, seen.desired()?)))
}

/// What tells the NIC from others, where it has something.
fn nic_mac(pf: &PfSnapshot) -> Option<MacAddress> {
    pf.permanent_mac().filter(|mac| mac.is_unicast())
}

#[cfg(test)]
mod tests;
