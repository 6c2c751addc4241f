//! Which VF a network gets: one for each, and the same one again as long as it exists.

use super::pools::{Member, Pools};
use crate::model::{NetworkName, PciAddress, ResourceName, VfIndex};
use crate::plan::owned::Assignment;
use crate::policy::Network;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Networks that name a resource, with the VF they get or why they get none.
pub type Assignments<'a> = BTreeMap<&'a NetworkName, Result<Member<'a>, NoVf>>;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoVf {
    #[error("no VF of pool {resource} is ready")]
    NoneReady { resource: ResourceName },
    #[error("every ready VF of pool {resource} has another network: {given}")]
    AllGiven {
        resource: ResourceName,
        given: Given,
    },
    /// It waits for the one it had: another would stay with it from then on.
    #[error("its VF {vf} of {pf} is missing while the VFs of that PF come or go")]
    OnItsWay { pf: PciAddress, vf: VfIndex },
}

/// Who has which VF.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given(Vec<(NetworkName, String)>);

impl fmt::Display for Given {
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

pub fn assign<'a>(
    networks: &'a [Network],
    pools: &Pools<'a>,
    previous: &BTreeMap<NetworkName, Assignment>,
    is_on_its_way: impl Fn(&Assignment, &ResourceName) -> bool,
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
    let awaited = |network: &NetworkName, resource: &ResourceName| {
        let last = previous.get(network);
        last.filter(|last| is_on_its_way(last, resource))
    };
    for (&network, &resource) in &wanting {
        if awaited(network, resource).is_none() {
            chosen.take(network, pools.get(resource), |_| true);
        }
    }
    let outcome = |(network, resource): (&'a NetworkName, &ResourceName)| {
        let member = chosen.members.get(network).copied();
        let result = member.ok_or_else(|| match awaited(network, resource) {
            Some(&Assignment { pf, vf, .. }) => NoVf::OnItsWay { pf, vf },
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
            given: Given(given.collect()),
            resource,
        }
    }
}

#[cfg(test)]
mod tests;
