//! A network: how containers are attached to the VFs of a pool.

use super::Origin;
use crate::model::{MacAddress, NetworkName, ResourceName, VfSettings};
use serde_json::{Map, Value};

/// One `[[network]]`, judged: its keys do not contradict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Unique among all networks in force; a part of file names.
    pub name: NetworkName,
    /// Where it was written.
    pub origin: Origin,
    /// The pool whose VF a container gets. `None` only with a raw body.
    pub resource: Option<ResourceName>,
    /// Kubernetes namespace of its NetworkAttachmentDefinition.
    pub namespace: Option<String>,
    /// The CNI configuration.
    pub body: NetworkBody,
}

/// Where the CNI configuration comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkBody {
    /// Described by keys, from which the CNI configuration is made.
    Described(Box<Description>),
    /// A CNI plugin or list, as given.
    Raw(Map<String, Value>),
}

/// A CNI configuration by its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The plugin that attaches the VF.
    pub plugin: PluginType,
    /// `cniVersion`, such as `1.0.0`.
    pub cni_version: String,
    /// `settings.mac` is never set here: see `mac`.
    pub settings: VfSettings,
    /// The address that the VF gets. `None` leaves it as it is.
    pub mac: Option<MacAddress>,
    /// What the container runtime may pass: each name with true or false.
    pub capabilities: Map<String, Value>,
    /// The `ipam` of the plugin, as it was given. An empty one is written too.
    pub ipam: Option<Map<String, Value>>,
    /// Keys of the plugin's configuration that have none here.
    pub plugin_config: Map<String, Value>,
    /// Plugins that follow in the list.
    pub meta_plugins: Vec<Map<String, Value>>,
}

/// The CNI plugins whose configurations can be described by keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum PluginType {
    /// The SR-IOV CNI plugin, or `sriovd-cni` in its place.
    #[default]
    Sriov,
    /// The InfiniBand SR-IOV CNI plugin.
    IbSriov,
    /// The Open vSwitch CNI plugin.
    Ovs,
    /// The host-device plugin of the CNI project.
    HostDevice,
}

impl PluginType {
    /// The name of the CNI plugin's binary.
    pub fn binary(self) -> &'static str {
        match self {
            Self::Sriov => "sriov",
            Self::IbSriov => "ib-sriov",
            Self::Ovs => "ovs",
            Self::HostDevice => "host-device",
        }
    }

    /// Whether it sets what this key of networks says.
    pub fn takes(self, key: &str) -> bool {
        match self {
            Self::Sriov => true,
            Self::IbSriov => key == "link_state",
            Self::Ovs => key == "vlan",
            // It moves the netdev: the VF's attributes are the policy's.
            Self::HostDevice => false,
        }
    }
}
