//! Pools as the daemon of version 0.1 left them: in the node state. They hold between the upgrade of the
//! package and the first look of the new daemon.

use super::pool::{PoolVf, Pools};
use serde::Deserialize;
use sriovd_core::model::{NotPools, PciAddress, ResourceName, VfIndex, VfRange};

/// Where plugins of that version looked, whatever `node_state_file` was.
pub(super) const NODE_STATE: &str = "/run/sriovd/state.json";

#[derive(Deserialize)]
struct NodeState {
    spec: Wanted,
    status: Status,
}

#[derive(Deserialize)]
struct Wanted {
    interfaces: Vec<WantedPf>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WantedPf {
    pci_address: PciAddress,
    #[serde(default)]
    vf_groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    resource_name: Option<ResourceName>,
    vf_range: VfRange,
}

#[derive(Deserialize)]
struct Status {
    interfaces: Vec<SeenPf>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SeenPf {
    pci_address: PciAddress,
    name: Option<String>,
    #[serde(rename = "Vfs", default)]
    vfs: Vec<SeenVf>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SeenVf {
    #[serde(rename = "vfID")]
    vf_id: VfIndex,
    pci_address: PciAddress,
}

pub(super) fn parse(text: &[u8]) -> Result<Pools, NotPools> {
    let state: NodeState = serde_json::from_slice(text)?;
    let mut pools = Pools::new();
    for wanted in &state.spec.interfaces {
        let seen = state.status.interfaces.iter();
        let seen: Vec<_> = seen
            .filter(|seen| seen.pci_address == wanted.pci_address)
            .collect();
        for group in &wanted.vf_groups {
            let Some(resource) = &group.resource_name else {
                continue;
            };
            let pool = pools.entry(resource.clone()).or_default();
            for pf in &seen {
                let vfs = pf.vfs.iter();
                let mine = vfs.filter(|vf| group.vf_range.contains(vf.vf_id));
                pool.extend(mine.map(|vf| {
                    PoolVf {
                        pf: pf.pci_address,
                        pf_name: pf
                            .name
                            .clone()
                            .unwrap_or_else(|| pf.pci_address.to_string()),
                        vf: vf.vf_id,
                        address: vf.pci_address,
                    }
                }));
            }
        }
    }
    Ok(pools)
}

#[cfg(test)]
mod tests;
