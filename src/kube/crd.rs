//! The custom resources, and their definitions for the API server.
//!
//! The types are what the definitions are made of, and nothing is read into them.
#![allow(
    missing_docs,
    reason = "words of enumerations; a test wants descriptions of all fields"
)]

pub mod condition;
pub mod network;
pub mod operator_config;
mod own;
pub mod policy;
pub mod pool_config;
pub mod state;
mod structural;

use serde_json::{Value, json};

/// The group of sriov-network-operator's kinds, and their version.
pub const OPERATOR: GroupVersion = GroupVersion {
    group: "sriovnetwork.openshift.io",
    version: "v1",
};

/// The group of our own kinds, and their version.
pub const OWN: GroupVersion = GroupVersion {
    group: "sriovd.io",
    version: "v1alpha1",
};

/// In front of pools whose policy names no other, as sriov-network-operator has it.
pub const RESOURCE_PREFIX: &str = "openshift.io";

/// A group of the API, and a version of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupVersion {
    /// The group.
    pub group: &'static str,
    /// The version that is served and stored.
    pub version: &'static str,
}

/// A kind of custom resources.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// Where it is served.
    pub at: GroupVersion,
    /// Its name.
    pub kind: &'static str,
    /// As it stands in paths.
    pub plural: &'static str,
    /// For `kubectl get`.
    short: &'static str,
    /// Of a namespace, or of the cluster.
    pub is_namespaced: bool,
    /// Name, type and path each.
    columns: &'static [(&'static str, &'static str, &'static str)],
    /// What all objects of the kind hold, but for what every object has.
    schema: fn() -> Value,
}

const READY: (&str, &str, &str) = (
    "Ready",
    "string",
    ".status.conditions[?(@.type==\"Ready\")].status",
);
const REASON: (&str, &str, &str) = (
    "Reason",
    "string",
    ".status.conditions[?(@.type==\"Ready\")].reason",
);
const AGE: (&str, &str, &str) = ("Age", "date", ".metadata.creationTimestamp");

/// All kinds: the operator's seven, then ours.
pub const KINDS: [Kind; 9] = [
    Kind {
        at: OPERATOR,
        kind: "SriovNetworkNodePolicy",
        plural: "sriovnetworknodepolicies",
        short: "snnp",
        is_namespaced: true,
        columns: &[
            ("Resource", "string", ".spec.resourceName"),
            ("VFs", "integer", ".spec.numVfs"),
            ("Priority", "integer", ".spec.priority"),
            READY,
            REASON,
            AGE,
        ],
        schema: structural::schema::<policy::NodePolicy>,
    },
    Kind {
        at: OPERATOR,
        kind: "SriovNetworkNodeState",
        plural: "sriovnetworknodestates",
        short: "snns",
        is_namespaced: true,
        columns: &[
            ("Sync Status", "string", ".status.syncStatus"),
            (
                "Desired Sync State",
                "string",
                ".metadata.annotations.sriovnetwork\\.openshift\\.io/desired-state",
            ),
            (
                "Current Sync State",
                "string",
                ".metadata.annotations.sriovnetwork\\.openshift\\.io/current-state",
            ),
            READY,
            AGE,
        ],
        schema: structural::schema::<state::NodeState>,
    },
    Kind {
        at: OPERATOR,
        kind: "SriovNetwork",
        plural: "sriovnetworks",
        short: "srnet",
        is_namespaced: true,
        columns: &NETWORK_COLUMNS,
        schema: structural::schema::<network::SriovNetwork>,
    },
    Kind {
        at: OPERATOR,
        kind: "SriovIBNetwork",
        plural: "sriovibnetworks",
        short: "sribnet",
        is_namespaced: true,
        columns: &NETWORK_COLUMNS,
        schema: structural::schema::<network::SriovIbNetwork>,
    },
    Kind {
        at: OPERATOR,
        kind: "OVSNetwork",
        plural: "ovsnetworks",
        short: "ovsnet",
        is_namespaced: true,
        columns: &NETWORK_COLUMNS,
        schema: structural::schema::<network::OvsNetwork>,
    },
    Kind {
        at: OPERATOR,
        kind: "SriovNetworkPoolConfig",
        plural: "sriovnetworkpoolconfigs",
        short: "snpc",
        is_namespaced: true,
        columns: &[("Max Unavailable", "string", ".spec.maxUnavailable"), AGE],
        schema: structural::schema::<pool_config::PoolConfig>,
    },
    Kind {
        at: OPERATOR,
        kind: "SriovOperatorConfig",
        plural: "sriovoperatorconfigs",
        short: "soc",
        is_namespaced: true,
        columns: &[READY, AGE],
        schema: structural::schema::<operator_config::OperatorConfig>,
    },
    Kind {
        at: OWN,
        kind: "Policy",
        plural: "policies",
        short: "svpol",
        is_namespaced: false,
        columns: &[
            ("Resource", "string", ".spec.resource"),
            ("VFs", "string", ".spec.num_vfs"),
            ("Priority", "integer", ".spec.priority"),
            READY,
            REASON,
            AGE,
        ],
        schema: own::policy,
    },
    Kind {
        at: OWN,
        kind: "Network",
        plural: "networks",
        short: "svnet",
        is_namespaced: true,
        columns: &[("Resource", "string", ".spec.resource"), READY, REASON, AGE],
        schema: own::network,
    },
];

/// The kind that a node writes of itself.
pub const NODE_STATE: Kind = KINDS[1];

const NETWORK_COLUMNS: [(&str, &str, &str); 4] = [
    ("Resource", "string", ".spec.resourceName"),
    READY,
    REASON,
    AGE,
];

impl Kind {
    /// The name of its definition, and of the file that it is in.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.plural, self.at.group)
    }

    /// Its definition.
    pub fn definition(&self) -> Value {
        let columns = self
            .columns
            .iter()
            .map(|(name, kind, path)| json!({"name": name, "type": kind, "jsonPath": path}));
        let columns: Vec<_> = columns.collect();
        json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": self.full_name()},
            "spec": {
                "group": self.at.group,
                "names": {
                    "kind": self.kind,
                    "listKind": format!("{}List", self.kind),
                    "plural": self.plural,
                    "singular": self.kind.to_lowercase(),
                    "shortNames": [self.short],
                },
                "scope": if self.is_namespaced { "Namespaced" } else { "Cluster" },
                "versions": [{
                    "name": self.at.version,
                    "served": true,
                    "storage": true,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": columns,
                    "schema": {"openAPIV3Schema": (self.schema)()},
                }],
            },
        })
    }

    /// Its definition as a file for `kubectl`.
    pub fn as_yaml(&self) -> anyhow::Result<String> {
        Ok(serde_saphyr::to_string(&self.definition())?)
    }
}

/// All definitions as one file.
pub fn all_as_yaml() -> anyhow::Result<String> {
    let documents = KINDS.iter().map(Kind::as_yaml);
    let documents: Vec<_> = documents.collect::<Result<_, _>>()?;
    Ok(documents.join("---\n"))
}

#[cfg(test)]
mod tests;
