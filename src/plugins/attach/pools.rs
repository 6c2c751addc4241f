//! Which VFs form which pool, as the daemon last wrote it into the node state.

use serde::Deserialize;
use sriovd_core::model::{PciAddress, ResourceName, VfIndex, VfRange};
use sriovd_host::file;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Written on every change, and there while the daemon is not.
pub const NODE_STATE: &str = "/run/sriovd/state.json";

/// A VF of a pool. Whether it is free must be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolVf {
    /// The PCI address of its PF.
    pub pf: PciAddress,
    /// What people call the PF.
    pub pf_name: String,
    /// Its index on the PF.
    pub vf: VfIndex,
    /// Its PCI address.
    pub address: PciAddress,
}

/// VFs in order of PF address and index. A pool whose VFs are not there just now is empty.
pub type Pools = BTreeMap<ResourceName, Vec<PoolVf>>;

/// Why the pools are not known.
#[derive(Debug, thiserror::Error)]
pub enum NoPools {
    /// There is no node state yet.
    #[error(
        "{} is not there: sriovd, which writes it (node_state in sriovd.toml), has not run yet",
        path.display()
    )]
    Absent {
        /// The file in which they would be.
        path: PathBuf,
    },
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// It is not JSON, or not that of a node state.
    #[error("{} is not what sriovd writes", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
}

/// The pools as the daemon last wrote them down.
pub fn read(root: &Path) -> Result<Pools, NoPools> {
    let path = file::under(root, Path::new(NODE_STATE));
    match std::fs::read(&path) {
        Ok(text) => parse(&text).map_err(|source| NoPools::Malformed { path, source }),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(NoPools::Absent { path }),
        Err(source) => Err(NoPools::Unreadable { path, source }),
    }
}

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

fn parse(text: &[u8]) -> Result<Pools, serde_json::Error> {
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
