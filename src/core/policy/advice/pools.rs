//! Pools that nobody takes from, and pools whose policies do not agree.

use super::places::{Places, meet};
use crate::policy::diagnostic::Diagnostic;
use crate::policy::file::ItemSpans;
use crate::policy::reader::Span;
use crate::policy::{DEFAULT_PREFIX, Policy, PolicySet};
use std::collections::BTreeSet;

/// Without any network the pools are for the device plugin, which takes all of them.
pub(super) fn unused(set: &PolicySet, places: &Places<'_>) -> Vec<Diagnostic> {
    let used: BTreeSet<_> = set.networks.iter().map(|it| it.resource.as_ref()).collect();
    let mut told = BTreeSet::new();
    let forming = set.policies.iter().filter(|policy| policy.enabled);
    let unused = forming.filter(|policy| {
        let resource = policy.resource.as_ref();
        let is_unused = resource.is_some() && !used.contains(&resource);
        is_unused && !set.networks.is_empty() && told.insert(resource)
    });
    let advice = unused.filter_map(|policy| {
        let resource = policy.resource.as_ref()?;
        let message = format!("no network takes from the pool \"{resource}\"");
        let why = "only the device plugin offers its VFs".to_owned();
        Some(places.warning(policy, |spans| &spans.resource, message, why))
    });
    advice.collect()
}

/// A pool is one resource of Kubernetes: what its policies say of that is the same, or it is several.
pub(super) fn at_odds(set: &PolicySet, places: &Places<'_>) -> Vec<Diagnostic> {
    let forming: Vec<&Policy> = set
        .policies
        .iter()
        .filter(|policy| policy.enabled && policy.resource.is_some())
        .collect();
    let mut advice = Vec::new();
    for (at, policy) in forming.iter().enumerate() {
        let mut before = forming.iter().take(at);
        let first = before.find(|first| first.resource == policy.resource && meet(first, policy));
        if let Some(first) = first {
            advice.extend(differences(first, policy, places));
        }
    }
    advice
}

fn differences(first: &Policy, policy: &Policy, places: &Places<'_>) -> Vec<Diagnostic> {
    let Some(pool) = &policy.resource else {
        return Vec::new();
    };
    let warn = |key: fn(&ItemSpans) -> &Span, what: String, consequence: &str| {
        let message = format!("the pool \"{pool}\" has {what}");
        let why = format!("policy \"{}\" says otherwise: {consequence}", first.name);
        places.warning(policy, key, message, why)
    };
    let mut advice = Vec::new();
    let prefix = |policy: &Policy| {
        let prefix = policy.resource_prefix.as_ref();
        prefix
            .map_or(DEFAULT_PREFIX, |prefix| prefix.as_str())
            .to_owned()
    };
    if prefix(first) != prefix(policy) {
        let what = format!("the prefix {}", prefix(policy));
        let key: fn(&ItemSpans) -> &Span = match &policy.resource_prefix {
            Some(_) => |spans| &spans.resource_prefix,
            None => |spans| &spans.resource,
        };
        let consequence = "the VFs are offered as two resources, and a network can name one";
        advice.push(warn(key, what, consequence));
    }
    if first.exclude_topology != policy.exclude_topology {
        let what = format!("exclude_topology = {}", policy.exclude_topology);
        let key: fn(&ItemSpans) -> &Span = match policy.exclude_topology {
            true => |spans| &spans.exclude_topology,
            false => |spans| &spans.resource,
        };
        advice.push(warn(key, what, "the NUMA nodes of no VF of it are told"));
    }
    advice
}
