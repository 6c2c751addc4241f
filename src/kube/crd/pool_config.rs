//! `SriovNetworkPoolConfig`: how many of some nodes may change at once.

use super::state::RdmaMode;
use super::structural::{IntOrString, rule};
use schemars::JsonSchema;
use std::collections::BTreeMap;

/// How many of some nodes may change at once.
#[derive(Debug, JsonSchema)]
pub struct PoolConfig {
    /// What is wanted.
    pub spec: Option<PoolConfigSpec>,
    /// Always empty.
    pub status: Option<Empty>,
}

/// Nothing.
#[derive(Debug, JsonSchema)]
pub struct Empty {}

/// What is wanted.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    rule(
        "!has(self.maxUnavailable) || (type(self.maxUnavailable) == int ? self.maxUnavailable >= 0 : self.maxUnavailable.matches('^(100|[1-9][0-9]?)%$'))",
        "maxUnavailable is a number of nodes, or 1% to 100%",
    ),
    rule(
        "!has(self.ovsHardwareOffloadConfig) || !has(self.ovsHardwareOffloadConfig.name) || self.ovsHardwareOffloadConfig.name == '' || (!has(self.nodeSelector) && !has(self.maxUnavailable))",
        "ovsHardwareOffloadConfig cannot be given with nodeSelector or maxUnavailable",
    ),
]))]
pub struct PoolConfigSpec {
    /// The nodes of the pool. A node in two pools changes nothing that disturbs a pod
    pub node_selector: Option<LabelSelector>,
    /// How many nodes of the pool may be changing, as a number or a percentage
    pub max_unavailable: Option<IntOrString>,
    /// Whether namespaces have RDMA devices of their own
    pub rdma_mode: Option<RdmaMode>,
    /// Hardware offload of Open vSwitch
    pub ovs_hardware_offload_config: Option<OvsHardwareOffloadConfig>,
}

/// Hardware offload of Open vSwitch.
#[derive(Debug, JsonSchema)]
pub struct OvsHardwareOffloadConfig {
    /// The MachineConfigPool of OpenShift that it is for
    pub name: Option<String>,
}

/// Which nodes: all that is said must hold.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
pub struct LabelSelector {
    /// Labels that a node has
    pub match_labels: Option<BTreeMap<String, String>>,
    /// What holds of its labels
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub match_expressions: Option<Vec<LabelRequirement>>,
}

/// What holds of a label.
#[derive(Debug, JsonSchema)]
pub struct LabelRequirement {
    /// The label
    pub key: String,
    /// In, NotIn, Exists or DoesNotExist
    pub operator: String,
    /// With In and NotIn
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub values: Option<Vec<String>>,
}
