//! Which VFs form which pool: the file of the daemon that the container plugins read.

use super::{PciAddress, ResourceName, VfIndex};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where the file is. It stays while the daemon does not run.
pub const POOLS: &str = "/run/sriovd/pools.json";

/// The newest version of the file that is understood, and the one that is written.
pub const POOLS_VERSION: u64 = 1;

/// The file. Keys that are added later are no new version as long as the others keep their meaning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PoolsFile {
    /// The program that writes the file: `sriovd`.
    #[serde(rename = "managedBy")]
    pub managed_by: String,
    /// The PFs of each pool in order of their addresses. A pool whose VFs do not exist now is empty.
    pub pools: BTreeMap<ResourceName, Vec<PoolPf>>,
    /// The version of this format.
    pub version: u64,
}

/// The VFs of one PF that are in a pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PoolPf {
    /// The PCI address of the PF.
    pub address: PciAddress,
    /// The interface name of the PF, or its address where it has no interface.
    pub name: String,
    /// The PCI address of each VF that exists, by its index on the PF.
    pub vfs: BTreeMap<VfIndex, PciAddress>,
}

/// Why a text is of no use as this file.
#[derive(Debug, thiserror::Error)]
pub enum NotPools {
    /// A version that is not known here.
    #[error("it has version {0}, expected is {POOLS_VERSION}")]
    Version(u64),
    /// It is not JSON, or keys are missing or of another type.
    #[error(transparent)]
    Malformed(#[from] serde_json::Error),
}

impl PoolsFile {
    /// A file of the version that is known here.
    pub fn parse(text: &[u8]) -> Result<Self, NotPools> {
        #[derive(Deserialize)]
        struct Header {
            version: u64,
        }
        // First: what another version calls its keys is not known.
        let Header { version } = serde_json::from_slice(text)?;
        match version {
            POOLS_VERSION => Ok(serde_json::from_slice(text)?),
            version => Err(NotPools::Version(version)),
        }
    }
}

#[cfg(test)]
mod tests;
