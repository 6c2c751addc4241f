//! Addresses that no VF gets, or one of several that are to have them.

use super::places::{Places, meet};
use crate::model::{HostSnapshot, MacAddress, PfSnapshot, PolicyName, VfIndex};
use crate::policy::diagnostic::Diagnostic;
use crate::policy::file::ItemSpans;
use crate::policy::reader::Span;
use crate::policy::resolve::{Resolution, resolve};
use crate::policy::{MacChoice, Policy, PolicySet};
use std::collections::{BTreeMap, BTreeSet};

/// One address in two policies, whatever the host.
pub(super) fn written_twice(
    set: &PolicySet,
    without_effect: &BTreeSet<&PolicyName>,
    places: &Places<'_>,
) -> Vec<Diagnostic> {
    let in_force = |policy: &&Policy| policy.enabled && !without_effect.contains(&policy.name);
    let policies: Vec<&Policy> = set.policies.iter().filter(in_force).collect();
    let mut advice = Vec::new();
    for (at, policy) in policies.iter().enumerate() {
        for (vf, mac) in written(policy) {
            let mut before = policies.iter().take(at).filter(|first| meet(first, policy));
            let first = before.find_map(|first| {
                let mut macs = written(first);
                macs.find(|(_, other)| *other == mac)
                    .map(|(vf, _)| (vf, first))
            });
            if let Some((other, first)) = first {
                let message = format!(
                    "{mac} is already the address of VF {other} in policy \"{}\"",
                    first.name
                );
                let why =
                    "on one host the VF that has it keeps it, and no other gets it".to_owned();
                advice.push(places.warning(policy, mac_of(vf), message, why));
            }
        }
    }
    advice
}

fn written(policy: &Policy) -> impl Iterator<Item = (VfIndex, MacAddress)> {
    let vfs = policy.overrides.iter();
    vfs.filter_map(|(&vf, special)| match special.mac? {
        MacChoice::Fixed(mac) => Some((vf, mac)),
        MacChoice::Kernel | MacChoice::Stable => None,
    })
}

fn mac_of(vf: VfIndex) -> impl Fn(&ItemSpans) -> &Span {
    move |spans| spans.macs.get(&vf).unwrap_or(&spans.name)
}

/// What the addresses of its PFs are, and what one policy wants of several.
pub(super) fn on_host(
    set: &PolicySet,
    host: &HostSnapshot,
    places: &Places<'_>,
) -> Vec<Diagnostic> {
    let named = |name: &PolicyName| set.policies.iter().find(|policy| policy.name == *name);
    let mut given: BTreeMap<(&PolicyName, MacAddress), String> = BTreeMap::new();
    let mut advice = Vec::new();
    for pf in host.pfs.values() {
        let Resolution::Desired(desired) = resolve(set, &host.node, pf) else {
            continue;
        };
        let name = pf.display_name();
        for claim in &desired.policies {
            let Some(policy) = named(&claim.policy) else {
                continue;
            };
            if let Some(why) = not_made(policy, host, pf) {
                let message = format!("mac = \"stable\" gives VFs of {name} no address");
                advice.push(places.warning(policy, |spans| &spans.name, message, why));
            }
            for (vf, mac) in written(policy) {
                let is_claimed = desired
                    .claim_of(vf)
                    .is_some_and(|it| it.policy == policy.name);
                if !is_claimed {
                    continue;
                }
                let key = (&policy.name, mac);
                let (message, why) = match (holder(host, mac), given.get(&key)) {
                    (Some(_), Some(_)) => continue,
                    (Some(holder), None) => {
                        let message = format!("{mac} is the address of {holder}");
                        (message, "no VF gets it")
                    }
                    (None, Some(first)) => {
                        let message =
                            format!("{mac} is for one VF of {first} and for one of {name}");
                        (message, "one gets it, and the other goes without")
                    }
                    (None, None) => {
                        given.insert(key, name.clone());
                        continue;
                    }
                };
                given.insert(key, name.clone());
                advice.push(places.warning(policy, mac_of(vf), message, why.to_owned()));
            }
        }
    }
    advice
}

/// The PF that has the address.
fn holder(host: &HostSnapshot, mac: MacAddress) -> Option<String> {
    let has_it = |pf: &&PfSnapshot| {
        let own = pf.interface.as_ref();
        own.is_some_and(|own| own.permanent_mac == mac || own.mac == Some(mac))
    };
    host.pfs.values().find(has_it).map(PfSnapshot::display_name)
}

/// Why the policy's stable addresses are not made here, if it wants any.
fn not_made(policy: &Policy, host: &HostSnapshot, pf: &PfSnapshot) -> Option<String> {
    let special = policy.overrides.values().filter_map(|vf| vf.mac);
    let mut choices = special.chain([policy.mac]);
    pf.interface.as_ref()?;
    if !choices.any(|choice| choice == MacChoice::Stable) {
        return None;
    }
    let Some(own) = pf.permanent_mac() else {
        return Some("it has no permanent address".to_owned());
    };
    let mut others = host.pfs.values().filter(|it| it.address != pf.address);
    let twin = others.find(|it| it.permanent_mac() == Some(own))?;
    let twin = twin.display_name();
    Some(format!("{twin} has the same permanent address, {own}"))
}
