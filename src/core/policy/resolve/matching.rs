//! Whether a policy names a PF, key by key.

use crate::model::{Node, PfInterface, PfSnapshot, VfRange};
use crate::policy::{NodeMatch, PfMatch, PfNamePattern, Policy, glob};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// Whether a policy names a PF.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// It does not.
    No,
    /// Everything else matches, and the interface is out of sight or its name is not final yet.
    AwaitsName,
    /// With the share of the PF's VFs that the policy claims; `None` is the whole PF.
    Yes(Option<VfRange>),
}

/// One key of a policy's match against one PF.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct KeyMatch {
    /// The key, as it is written in policies.
    pub key: &'static str,
    /// What the policy says.
    pub wanted: String,
    /// What the host has.
    pub found: String,
    /// Whether they agree.
    pub matched: bool,
}

/// Keys whose value only the PF's network interface knows, besides its name.
const OF_THE_INTERFACE: [&str; 2] = ["mac", "link_type"];

pub(super) fn match_pf(policy: &Policy, node: &Node, pf: &PfSnapshot) -> Match {
    // Away for a while, in another network namespace or because its driver restarts: that is no
    // sign that the policy does not mean this PF.
    let out_of_sight = pf.interface.is_none()
        && (pf.driver.as_ref()).is_some_and(|driver| !driver.makes_no_netdev());
    let mut keys = explain_match(policy, node, pf);
    if out_of_sight {
        keys.retain(|key| !OF_THE_INTERFACE.contains(&key.key));
    }
    if !policy.enabled || keys.iter().any(|key| !key.matched) {
        return Match::No;
    }
    let PfMatch {
        pf_name,
        mac,
        link_type,
        ..
    } = &policy.matches;
    let asks = !(pf_name.is_empty() && mac.is_empty() && link_type.is_empty());
    if out_of_sight && asks {
        return Match::AwaitsName;
    }
    match match_name(&policy.matches.pf_name, pf.interface.as_ref()) {
        NameMatch::No => Match::No,
        NameMatch::AwaitsName => Match::AwaitsName,
        NameMatch::NotAsked => Match::Yes(policy.vfs.clone()),
        NameMatch::Yes(share) => Match::Yes(share.or_else(|| policy.vfs.clone())),
    }
}

/// What the policy may claim, by whichever of its patterns matches; by several it is no less.
pub(super) fn possible_shares(policy: &Policy) -> impl Iterator<Item = Option<&VfRange>> {
    let patterns = &policy.matches.pf_name;
    let by_pattern = patterns.iter().map(|pattern| pattern.vfs.as_ref());
    let without = patterns.is_empty().then_some(None);
    let shares = by_pattern.chain(without);
    shares.map(|share| share.or(policy.vfs.as_ref()))
}

enum NameMatch {
    NotAsked,
    No,
    AwaitsName,
    /// With all shares that the name's patterns have.
    Yes(Option<VfRange>),
}

fn match_name(patterns: &[PfNamePattern], pf: Option<&PfInterface>) -> NameMatch {
    if patterns.is_empty() {
        return NameMatch::NotAsked;
    }
    let Some(interface) = pf else {
        return NameMatch::No;
    };
    let takes_any = |pattern: &PfNamePattern| pattern.glob == "*";
    let by_name = |pattern: &PfNamePattern| !takes_any(pattern) && pattern.vfs.is_some();
    // Where any name matches, and none has a share, it does not have to be the final one.
    let no_matter = patterns.iter().any(takes_any) && !patterns.iter().any(by_name);
    if !interface.name_is_final && !no_matter {
        return NameMatch::AwaitsName;
    }
    let matches = |pattern: &&PfNamePattern| {
        glob::matches(&pattern.glob, interface.name.as_str())
            || interface
                .other_names()
                .any(|name| glob::matches(&pattern.glob, name))
    };
    let matching: Vec<_> = patterns.iter().filter(matches).collect();
    match matching.is_empty() {
        true => NameMatch::No,
        false => {
            let shares = matching.into_iter().filter_map(|it| it.vfs.as_ref());
            NameMatch::Yes(VfRange::union(shares))
        }
    }
}

/// Whether a policy is for this node, whatever PFs it has.
pub fn holds_on(policy: &Policy, node: &Node) -> bool {
    policy.enabled && policy.node.selects(&node.hostname, &node.labels)
}

/// Everything that decides whether a policy names a PF, with both values.
pub fn explain(policy: &Policy, node: &Node, pf: &PfSnapshot) -> Vec<KeyMatch> {
    let mut keys = explain_match(policy, node, pf);
    let patterns = &policy.matches.pf_name;
    if !patterns.is_empty() {
        let wanted: Vec<&str> = patterns.iter().map(|it| it.glob.as_str()).collect();
        let interface = pf.interface.as_ref();
        let matched = matches!(match_name(patterns, interface), NameMatch::Yes(_));
        let found = interface.map(|interface| {
            let unsettled = !matched && !interface.name_is_final;
            let note = if unsettled { " (not final yet)" } else { "" };
            let altnames = interface.other_names().map(|name| format!(", {name}"));
            format!("{}{note}{}", interface.name, altnames.collect::<String>())
        });
        keys.push(KeyMatch {
            key: "pf_name",
            wanted: wanted.join(", "),
            found: found.unwrap_or_else(|| "none".to_owned()),
            matched,
        });
    }
    if !policy.enabled {
        keys.push(KeyMatch {
            key: "enabled",
            wanted: "true".to_owned(),
            found: "false".to_owned(),
            matched: false,
        });
    }
    keys
}

/// Every key that the policy gives except `pf_name`, with both values.
fn explain_match(policy: &Policy, node: &Node, pf: &PfSnapshot) -> Vec<KeyMatch> {
    let PfMatch {
        vendor,
        device,
        pci_address,
        pf_name: _,
        mac,
        driver,
        link_type,
        numa_node,
    } = &policy.matches;
    let interface = pf.interface.as_ref();
    let mut keys = Vec::new();
    let mut key = |key: &'static str, any: &[String], found: Option<String>| {
        if !any.is_empty() {
            let matched = found.as_ref().is_some_and(|found| any.contains(found));
            let found = found.unwrap_or_else(|| "none".to_owned());
            keys.push(KeyMatch {
                key,
                wanted: any.join(", "),
                found,
                matched,
            });
        }
    };
    key("vendor", &texts(vendor), Some(pf.vendor.to_string()));
    key("device", &texts(device), Some(pf.device.to_string()));
    key(
        "pci_address",
        &texts(pci_address),
        Some(pf.address.to_string()),
    );
    key(
        "mac",
        &texts(mac),
        pf.known_mac().map(|mac| mac.to_string()),
    );
    key(
        "driver",
        &texts(driver),
        pf.driver.as_ref().map(ToString::to_string),
    );
    key(
        "link_type",
        &texts(link_type),
        interface.map(|nic| nic.link_type.to_string()),
    );
    key(
        "numa_node",
        &texts(numa_node),
        pf.numa_node.map(|numa| numa.to_string()),
    );
    keys.extend(explain_node(&policy.node, &node.hostname, &node.labels));
    keys
}

impl NodeMatch {
    /// Whether it holds on the node of this name with these labels.
    pub fn selects(&self, name: &str, labels: &BTreeMap<String, String>) -> bool {
        explain_node(self, name, labels).all(|key| key.matched)
    }
}

fn explain_node(
    wanted: &NodeMatch,
    name: &str,
    labels: &BTreeMap<String, String>,
) -> impl Iterator<Item = KeyMatch> {
    let NodeMatch {
        hostname,
        labels: of_wanted,
    } = wanted;
    let labels = of_wanted.iter().map(|(label, value)| {
        let found = labels.get(label);
        KeyMatch {
            key: "node.labels",
            wanted: format!("{label} = {value}"),
            found: found.map_or_else(|| "none".to_owned(), Clone::clone),
            matched: found == Some(value),
        }
    });
    let hostname = (!hostname.is_empty()).then(|| KeyMatch {
        key: "node.hostname",
        wanted: hostname.join(", "),
        found: name.to_owned(),
        matched: hostname.iter().any(|glob| glob::matches(glob, name)),
    });
    labels.chain(hostname)
}

fn texts<T: ToString>(values: &[T]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}
