//! What is allowed, and most likely not meant: seen over all files together, and on a host.

mod addresses;
mod places;
mod pools;

use super::diagnostic::Diagnostic;
use super::loaded::Loaded;
use super::resolve::{DesiredPf, Resolution, resolve};
use super::{NodeMatch, NumVfs, Policy, PolicySet};
use crate::model::{HostSnapshot, PfSnapshot, PolicyName, VfRange};
use places::Places;
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// Only warnings. Of the host, where there is one, what its PFs offer counts.
pub fn advise(loaded: &Loaded, host: Option<&HostSnapshot>) -> Vec<Diagnostic> {
    let places = Places::of(loaded);
    // A network of a file that cannot be used may take from any pool.
    let mut advice = match loaded.files.iter().any(|file| file.state.is_broken()) {
        true => Vec::new(),
        false => pools::unused(&loaded.set, &places),
    };
    advice.extend(pools::at_odds(&loaded.set, &places));
    let shadowed = shadowed_everywhere(&loaded.set);
    advice.extend(shadowed.iter().map(|(weak, strong)| {
        let message = format!("policy \"{}\" has no effect", weak.name);
        let why = format!("{} claims the same VFs of the same PFs", shown(strong));
        places.warning(weak, |spans| &spans.name, message, why)
    }));
    let told: BTreeSet<&PolicyName> = shadowed.iter().map(|(weak, _)| &weak.name).collect();
    advice.extend(addresses::written_twice(&loaded.set, &told, &places));
    if let Some(host) = host {
        advice.extend(addresses::on_host(&loaded.set, host, &places));
    }
    for pf in host.iter().flat_map(|host| host.pfs.values()) {
        let node = host.map(|host| &host.node).cloned().unwrap_or_default();
        if let Resolution::Desired(desired) = resolve(&loaded.set, &node, pf) {
            advice.extend(on_pf(&loaded.set, &desired, pf, &told, &places));
        }
    }
    advice
}

/// Pairs of a policy and a stronger one that names the same PFs and takes the same VFs.
fn shadowed_everywhere(set: &PolicySet) -> Vec<(&Policy, &Policy)> {
    let strength_of = |(at, policy): (usize, &Policy)| (policy.priority, Reverse(at));
    let enabled = || {
        let all = set.policies.iter().enumerate();
        all.filter(|(_, policy)| policy.enabled)
    };
    let stronger = |(at, weak): (usize, &Policy)| {
        let is_stronger = |one, other| strength_of(one) < strength_of(other);
        let before = |than| enabled().filter(move |&one| is_stronger(one, than));
        let mut candidates = before((at, weak));
        let found = candidates.find(|&(at, strong)| {
            let everywhere = strong.node == weak.node || strong.node == NodeMatch::default();
            // What takes VFs of the strong one, and none of the weak one's, lets that live.
            let spares = |it: &Policy| overlap(it, strong) && !overlap(it, weak);
            let spared = before((at, strong)).any(|(_, it)| spares(it));
            everywhere && strong.matches == weak.matches && overlap(strong, weak) && !spared
        });
        found.map(|(_, strong)| strong)
    };
    let pair = |(at, weak)| Some((weak, stronger((at, weak))?));
    enabled().filter_map(pair).collect()
}

/// Equal matches have equal shares in their names.
fn overlap(strong: &Policy, weak: &Policy) -> bool {
    match (&strong.vfs, &weak.vfs) {
        (Some(strong), Some(weak)) => strong.overlaps(weak),
        _ => true,
    }
}

fn on_pf(
    set: &PolicySet,
    desired: &DesiredPf,
    pf: &PfSnapshot,
    told: &BTreeSet<&PolicyName>,
    places: &Places<'_>,
) -> Vec<Diagnostic> {
    let named = |name: &PolicyName| set.policies.iter().find(|policy| policy.name == *name);
    let name = pf.display_name();
    let mut advice = Vec::new();
    for shadowed in desired
        .shadowed
        .iter()
        .filter(|it| !told.contains(&it.policy))
    {
        let (Some(weak), Some(strong)) = (named(&shadowed.policy), named(&shadowed.by)) else {
            continue;
        };
        let message = format!("policy \"{}\" has no effect on {name}", weak.name);
        let why = format!("{} claims the same VFs", shown(strong));
        advice.push(places.warning(weak, |spans| &spans.name, message, why));
    }
    for claim in &desired.policies {
        let Some(policy) = named(&claim.policy) else {
            continue;
        };
        let offered = pf.total_vfs;
        match policy.num_vfs {
            Some(NumVfs::Count(count)) if count > pf.total_vfs => {
                let message =
                    format!("num_vfs = {count} is more than the {offered} that {name} offers");
                let why = "no VF is made there".to_owned();
                advice.push(places.warning(policy, |spans| &spans.num_vfs, message, why));
            }
            Some(NumVfs::Max) if desired.max_is_none => {
                let message = format!("num_vfs = \"max\" is 0 on {name}, which offers no VF");
                let why = "SR-IOV is off in its firmware, or the number of VFs is 0 there";
                let why = why.to_owned();
                advice.push(places.warning(policy, |spans| &spans.num_vfs, message, why));
            }
            _ => advice.extend(share_past_the_end(
                policy,
                claim.vfs.as_ref(),
                desired,
                pf,
                places,
            )),
        }
    }
    advice
}

fn share_past_the_end(
    policy: &Policy,
    share: Option<&VfRange>,
    desired: &DesiredPf,
    pf: &PfSnapshot,
    places: &Places<'_>,
) -> Option<Diagnostic> {
    let count = u16::try_from(desired.vfs.len()).unwrap_or(u16::MAX);
    let share = share.filter(|share| share.last().0 >= count)?;
    let message = format!("VFs {share} are not all there on {}", pf.display_name());
    let why = match count.checked_sub(1) {
        None => "it has none".to_owned(),
        Some(last) => format!("it has VFs 0 to {last}"),
    };
    Some(places.warning(policy, |spans| &spans.vfs, message, why))
}

fn shown(policy: &Policy) -> String {
    format!("\"{}\" ({}) is stronger and", policy.name, policy.origin)
}

#[cfg(test)]
mod tests;
