//! Which VF a network gets: one for each, and the same one again as long as it exists.

use super::pools::{Member, Pools};
use crate::model::Assignment;
use crate::model::{NetworkName, PciAddress, ResourceName, VfIndex};
use crate::policy::Network;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Networks that name a resource, with the VF they get or why they get none.
pub type Assignments<'a> = BTreeMap<&'a NetworkName, Result<Member<'a>, NoVf>>;

/// Why a network gets no VF.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoVf {
    /// The pool has no VF that is ready.
    #[error("no VF of pool {resource} is ready")]
    NoneReady {
        /// The pool.
        resource: ResourceName,
    },
    /// The network keeps its VF, which is being made or set up again.
    #[error("VF {vf} of {pf}, which it has, is not ready")]
    NotReady {
        /// The VF's index on its PF.
        vf: VfIndex,
        /// The PF.
        pf: PciAddress,
    },
    /// There are more networks than ready VFs.
    #[error("every ready VF of pool {resource} has another network: {given}")]
    AllGiven {
        /// The pool.
        resource: ResourceName,
        /// The networks that have its VFs.
        given: GivenVfs,
    },
}

/// The networks that have the VFs of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenVfs(Vec<(NetworkName, String)>);

impl fmt::Display for GivenVfs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 8;
        for (at, (network, vf)) in self.0.iter().take(SHOWN).enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{network} has {vf}")?;
        }
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, ", and {more} more"),
        }
    }
}

/// From the surest sign that a VF is the one a network had to the weakest. The NIC goes before the
/// slot: with two NICs swapped, both networks follow their cables.
const SAME_VF: [fn(&Member<'_>, &Assignment) -> bool; 3] = [
    |member, last| member.is_on_same_nic(last) && member.is_at_same_place(last),
    |member, last| member.is_on_same_nic(last),
    |member, last| member.is_at_same_place(last),
];

/// Gives each network that names a pool a VF of its own: the one that it had, while that exists.
/// `is_coming`: whether a VF that is not ready will be, so that the network waits for it.
pub fn assign<'a>(
    networks: &'a [Network],
    pools: &Pools<'a>,
    previous: &BTreeMap<NetworkName, Assignment>,
    is_coming: impl Fn(&ResourceName, &Assignment) -> bool,
) -> Assignments<'a> {
    let wanting: BTreeMap<&NetworkName, &ResourceName> = networks
        .iter()
        .filter_map(|network| Some((&network.name, network.resource.as_ref()?)))
        .collect();
    let mut chosen = Chosen::default();
    // Every sign over all networks before the next: a weak sign never beats somebody's sure one.
    for same_vf in SAME_VF {
        for (&network, &resource) in &wanting {
            if let Some(last) = previous.get(network) {
                chosen.take(network, pools.get(resource), |member| same_vf(member, last));
            }
        }
    }
    // Whose VF is only being made again does not move for that.
    let mut waiting = BTreeMap::new();
    for (&network, &resource) in &wanting {
        let pool = pools.get(resource);
        let is_ready = |last: &Assignment| {
            let is_it = |member| SAME_VF.iter().any(|same_vf| same_vf(member, last));
            pool.into_iter().flatten().any(is_it)
        };
        let last = previous.get(network).filter(|last| !is_ready(last));
        match last.filter(|last| is_coming(resource, last)) {
            Some(last) => drop(waiting.insert(network, last)),
            None => chosen.take(network, pool, |_| true),
        }
    }
    let outcome = |(network, resource): (&'a NetworkName, &ResourceName)| {
        let member = chosen.members.get(network).copied();
        let result = member.ok_or_else(|| match waiting.get(network) {
            Some(last) => NoVf::NotReady {
                vf: last.vf,
                pf: last.pf,
            },
            None => chosen.why_none(resource, pools),
        });
        (network, result)
    };
    wanting.into_iter().map(outcome).collect()
}

/// What to remember: a network that has no VF at the moment gets its last one back later.
pub fn remember(
    assigned: &Assignments<'_>,
    previous: &BTreeMap<NetworkName, Assignment>,
) -> BTreeMap<NetworkName, Assignment> {
    let entry = |(&network, result): (&&NetworkName, &Result<Member<'_>, NoVf>)| {
        let last = previous.get(network);
        let assignment = match result {
            Ok(member) => {
                let mut now = member.assignment();
                // While the PF has no driver its MAC cannot be read; it is not forgotten for that.
                if let Some(last) = last.filter(|last| member.is_at_same_place(last)) {
                    now.permanent_mac = now.permanent_mac.or(last.permanent_mac);
                }
                now
            }
            Err(_) => last?.clone(),
        };
        Some((network.clone(), assignment))
    };
    assigned.iter().filter_map(entry).collect()
}

/// The VF of each network that has one.
pub fn given(assigned: &Assignments<'_>) -> BTreeMap<NetworkName, PciAddress> {
    let with_vf = assigned.iter().filter_map(|(&network, result)| {
        let member = result.as_ref().ok()?;
        Some((network.clone(), member.vf.address))
    });
    with_vf.collect()
}

#[derive(Default)]
struct Chosen<'a> {
    members: BTreeMap<&'a NetworkName, Member<'a>>,
    taken: BTreeSet<PciAddress>,
}

impl<'a> Chosen<'a> {
    /// The first fitting VF that is free, unless the network has one.
    fn take(
        &mut self,
        network: &'a NetworkName,
        pool: Option<&Vec<Member<'a>>>,
        fits: impl Fn(&Member<'a>) -> bool,
    ) {
        if self.members.contains_key(network) {
            return;
        }
        let free = |member: &&Member<'a>| !self.taken.contains(&member.vf.address) && fits(member);
        if let Some(member) = pool.into_iter().flatten().find(free) {
            self.taken.insert(member.vf.address);
            self.members.insert(network, *member);
        }
    }

    fn why_none(&self, resource: &ResourceName, pools: &Pools<'a>) -> NoVf {
        let resource = resource.clone();
        if !pools.contains_key(&resource) {
            return NoVf::NoneReady { resource };
        }
        let of_pool = self
            .members
            .iter()
            .filter(|(_, member)| member.claim.resource.as_ref() == Some(&resource));
        let given = of_pool.map(|(&network, member)| {
            let vf = format!("VF {} of {}", member.index, member.pf.display_name());
            (network.clone(), vf)
        });
        NoVf::AllGiven {
            given: GivenVfs(given.collect()),
            resource,
        }
    }
}

#[cfg(test)]
mod tests;
