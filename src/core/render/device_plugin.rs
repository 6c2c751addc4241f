//! The configuration of the SR-IOV network device plugin: which VFs Kubernetes may hand out.
//!
//! The plugin reads it once and answers mistakes by leaving, so only what it is known to take is
//! written: ids in lower case, full addresses, selectors always as a list, no resource twice.

use super::pools::{Member, Pools, prefix};
use super::text::{MANAGER, MANAGER_KEY, object, pretty};
use crate::model::{DriverName, PciAddress, PciId};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// VFs that one selector can name together.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Kind<'a> {
    vendor: PciId,
    device: PciId,
    driver: &'a DriverName,
    is_rdma: bool,
    need_vhost_net: bool,
}

impl<'a> Kind<'a> {
    fn of(member: &Member<'a>) -> Option<Self> {
        let driver = member.vf.driver.as_ref()?;
        Some(Self {
            vendor: member.vf.vendor,
            device: member.vf.device,
            driver,
            // A VF in user space has no RDMA device: asking for one would select nothing.
            is_rdma: member.claim.is_rdma && !driver.is_userspace(),
            need_vhost_net: member.claim.need_vhost_net,
        })
    }
}

/// `None` where there is no VF to hand out: an empty list makes the plugin leave.
pub fn config(pools: &Pools<'_>) -> Option<String> {
    let mut entries = Vec::new();
    for (resource, members) in pools {
        let mut by_prefix: BTreeMap<&str, Vec<&Member<'_>>> = BTreeMap::new();
        for member in members {
            let members = by_prefix.entry(prefix(member.claim)).or_default();
            members.push(member);
        }
        for (prefix, members) in by_prefix {
            let exclude_topology = members.iter().any(|member| member.claim.exclude_topology);
            entries.push(object([
                ("resourceName", Some(json!(resource))),
                ("resourcePrefix", Some(json!(prefix))),
                ("deviceType", Some(json!("netDevice"))),
                ("excludeTopology", exclude_topology.then_some(json!(true))),
                ("selectors", Some(json!(selectors(&members)))),
            ]));
        }
    }
    let config = json!({MANAGER_KEY: MANAGER, "resourceList": entries});
    (!entries.is_empty()).then(|| pretty(&config))
}

/// Exact addresses, because the plugin knows devices by their addresses: this text changes when its
/// list would change and the plugin must be restarted, and at no other time. PF names would do less
/// (a rename would be a change, a VF that moved would not) and need range syntax that has traps.
/// Ids and driver keep a file that outlived its devices from naming others.
fn selectors(members: &[&Member<'_>]) -> Vec<Map<String, Value>> {
    let mut kinds: BTreeMap<Kind<'_>, BTreeSet<PciAddress>> = BTreeMap::new();
    for member in members {
        if let Some(kind) = Kind::of(member) {
            kinds.entry(kind).or_default().insert(member.vf.address);
        }
    }
    let selector = |(kind, addresses): (Kind<'_>, BTreeSet<PciAddress>)| {
        object([
            ("vendors", Some(json!([kind.vendor]))),
            ("devices", Some(json!([kind.device]))),
            ("drivers", Some(json!([kind.driver]))),
            ("pciAddresses", Some(json!(addresses))),
            ("isRdma", kind.is_rdma.then_some(json!(true))),
            ("needVhostNet", kind.need_vhost_net.then_some(json!(true))),
        ])
    };
    kinds.into_iter().map(selector).collect()
}

#[cfg(test)]
mod tests;
