//! Objects of the API server, as much of each as decisions need.

use crate::crd::{OPERATOR, OWN};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;

/// A kind of objects that the controller looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Watched {
    /// The operator's.
    SriovNetwork,
    /// The operator's.
    SriovIbNetwork,
    /// The operator's.
    OvsNetwork,
    /// Ours.
    Network,
    /// What networks become; multus reads it.
    Nad,
    /// Only whether it is there.
    Namespace,
    /// The operator's policies.
    NodePolicy,
    /// Ours.
    Policy,
    /// What is so on a node.
    NodeState,
    /// Only names and labels.
    Node,
}

impl Watched {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::SriovNetwork,
        Self::SriovIbNetwork,
        Self::OvsNetwork,
        Self::Network,
        Self::Nad,
        Self::Namespace,
        Self::NodePolicy,
        Self::Policy,
        Self::NodeState,
        Self::Node,
    ];

    /// The kinds that become NetworkAttachmentDefinitions.
    pub const NETWORKS: [Self; 4] = [
        Self::SriovNetwork,
        Self::SriovIbNetwork,
        Self::OvsNetwork,
        Self::Network,
    ];

    /// Group, version, kind and, as it stands in paths, plural.
    pub fn names(self) -> (&'static str, &'static str, &'static str, &'static str) {
        let of = |group: crate::crd::GroupVersion, kind, plural| {
            (group.group, group.version, kind, plural)
        };
        match self {
            Self::SriovNetwork => of(OPERATOR, "SriovNetwork", "sriovnetworks"),
            Self::SriovIbNetwork => of(OPERATOR, "SriovIBNetwork", "sriovibnetworks"),
            Self::OvsNetwork => of(OPERATOR, "OVSNetwork", "ovsnetworks"),
            Self::Network => of(OWN, "Network", "networks"),
            Self::Nad => (
                "k8s.cni.cncf.io",
                "v1",
                "NetworkAttachmentDefinition",
                "network-attachment-definitions",
            ),
            Self::Namespace => ("", "v1", "Namespace", "namespaces"),
            Self::NodePolicy => of(
                OPERATOR,
                "SriovNetworkNodePolicy",
                "sriovnetworknodepolicies",
            ),
            Self::Policy => of(OWN, "Policy", "policies"),
            Self::NodeState => of(OPERATOR, "SriovNetworkNodeState", "sriovnetworknodestates"),
            Self::Node => ("", "v1", "Node", "nodes"),
        }
    }

    /// The name of the kind.
    pub fn kind(self) -> &'static str {
        self.names().2
    }

    /// Whether only those of the controller's own namespace count.
    pub fn is_of_own_namespace(self) -> bool {
        matches!(self, Self::NodePolicy | Self::NodeState)
    }

    /// Whether names, labels and their like are all that is looked at.
    pub fn is_only_metadata(self) -> bool {
        matches!(self, Self::Namespace | Self::Node)
    }

    /// The beginning of an object of the kind that is to be written.
    pub fn head(self, name: &Name) -> Value {
        let (group, version, kind, _) = self.names();
        let api_version = match group {
            "" => version.to_owned(),
            group => format!("{group}/{version}"),
        };
        let mut metadata = json!({"name": name.name});
        if let Some(namespace) = &name.namespace {
            metadata["namespace"] = json!(namespace);
        }
        json!({"apiVersion": api_version, "kind": kind, "metadata": metadata})
    }
}

/// The name of an object, with its namespace if it has one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Name {
    /// Of things of the cluster none.
    pub namespace: Option<String>,
    /// Unique in it among objects of its kind.
    pub name: String,
}

impl Name {
    /// Of something that has a namespace.
    pub fn within(namespace: &str, name: &str) -> Self {
        Self {
            namespace: Some(namespace.to_owned()),
            name: name.to_owned(),
        }
    }

    /// Of something of the cluster.
    pub fn alone(name: &str) -> Self {
        Self {
            namespace: None,
            name: name.to_owned(),
        }
    }
}

/// `apps/net1`.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{namespace}/{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// What every object has.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Metadata {
    name: String,
    namespace: Option<String>,
    /// Differs from that of an object that had this name before.
    pub uid: String,
    /// Grows with each change of what is wanted.
    pub generation: i64,
    /// Differs after each change.
    pub resource_version: String,
    /// When it was made. Later times are greater texts.
    pub creation_timestamp: String,
    /// It goes when nobody has a finalizer on it any more.
    deletion_timestamp: Option<String>,
    /// Texts that others read.
    pub annotations: BTreeMap<String, String>,
    /// Texts that objects are selected by.
    pub labels: BTreeMap<String, String>,
    /// Who has something to do before it goes.
    pub finalizers: Vec<String>,
    owner_references: Vec<Owner>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
struct Owner {
    uid: String,
}

/// An object.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// What every object has.
    pub metadata: Metadata,
    /// What is wanted; of a NodeState only the names of policies that have a PF there.
    pub spec: Value,
    /// What is so.
    pub status: Value,
}

impl Object {
    /// As much of an object as is needed; `None` of what has no name.
    pub fn of(kind: Watched, object: &Value) -> Option<Self> {
        let metadata = Metadata::deserialize(&object["metadata"]).ok()?;
        let nothing = || (Value::Null, Value::Null);
        let (spec, status) = match kind {
            _ if kind.is_only_metadata() => nothing(),
            Watched::NodeState => of_node_state(object),
            Watched::Nad => (object["spec"]["config"].clone(), Value::Null),
            _ => (object["spec"].clone(), object["status"].clone()),
        };
        (!metadata.name.is_empty()).then_some(Self {
            metadata,
            spec,
            status,
        })
    }

    /// Its name.
    pub fn name(&self) -> Name {
        Name {
            namespace: self.metadata.namespace.clone(),
            name: self.metadata.name.clone(),
        }
    }

    /// Whether it was so after another state of the same object. Versions of one kind grow.
    pub fn is_newer_than(&self, other: &Self) -> bool {
        let version = |it: &Self| it.metadata.resource_version.parse::<u64>().ok();
        version(self) > version(other)
    }

    /// Somebody has asked for its end.
    pub fn is_going(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }

    /// It goes with the object of this UID.
    pub fn goes_with(&self, uid: &str) -> bool {
        let mut owners = self.metadata.owner_references.iter();
        owners.any(|owner| owner.uid == uid)
    }
}

/// A node has hundreds of VFs, and a cluster thousands of nodes.
fn of_node_state(object: &Value) -> (Value, Value) {
    let interfaces = object["spec"]["interfaces"].as_array();
    let groups = interfaces
        .into_iter()
        .flatten()
        .filter_map(|interface| interface["vfGroups"].as_array())
        .flatten();
    let policies: Vec<_> = groups.map(|group| group["policyName"].clone()).collect();
    let status = &object["status"];
    (
        policies.into(),
        json!({"syncStatus": status["syncStatus"], "lastSyncError": status["lastSyncError"]}),
    )
}
