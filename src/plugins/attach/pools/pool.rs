//! The VFs of pools.

use sriovd_core::model::{PciAddress, ResourceName, VfIndex};
use std::collections::BTreeMap;

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
