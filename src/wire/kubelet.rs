//! What the bridge of a node and the agent tell each other of VFs that kubelet has allocated.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sriovd_core::model::{KubeletAllocation, PciAddress};
use std::collections::BTreeSet;

/// Where it is told.
pub const ALLOCATIONS: &str = "/v1/kubelet/allocations";

/// The body of `POST /v1/kubelet/allocations`: kubelet is about to give these VFs to a container.
#[derive(Debug, Clone, PartialEq, Eq, Default, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KubeletAllocate {
    /// What the pod asks for, such as `sriovd.io/fast`.
    pub resource: String,
    /// The PCI addresses of the VFs: all of them are allocated, or none.
    pub vfs: BTreeSet<PciAddress>,
}

/// The body of `PUT /v1/kubelet/allocations`, and the answer to each request there: all VFs that kubelet has given away.
#[derive(Debug, Clone, PartialEq, Eq, Default, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KubeletAllocations {
    /// Each VF once.
    pub allocations: Vec<KubeletAllocation>,
}
