//! Which VF a network was given.

use super::{MacAddress, PciAddress, VfIndex};
use serde::{Deserialize, Serialize};

/// A VF by what stays when its NIC moves to another slot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Assignment {
    /// The permanent address of the PF, where it has one.
    pub permanent_mac: Option<MacAddress>,
    /// The PCI address of the PF.
    pub pf: PciAddress,
    /// The index of the VF on it.
    pub vf: VfIndex,
}
