//! A network: how containers are attached to the VFs of a pool.

use super::Origin;
use crate::model::{MacAddress, NetworkName, ResourceName, VfSettings};
use serde_json::{Map, Value};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    pub name: NetworkName,
    /// Where it was written.
    pub origin: Origin,
    pub resource: Option<ResourceName>,
    /// Kubernetes namespace of its NetworkAttachmentDefinition.
    pub namespace: Option<String>,
    pub body: NetworkBody,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkBody {
    /// Described by keys, from which the CNI configuration is made.
    Described(Box<Description>),
    /// A CNI plugin or list, as given.
    Raw(Map<String, Value>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    pub plugin: PluginType,
    pub cni_version: String,
    /// `settings.mac` is never set here: see `mac`.
    pub settings: VfSettings,
    pub mac: Option<MacAddress>,
    pub capabilities: Map<String, Value>,
    pub ipam: Option<Map<String, Value>>,
    /// Keys of the plugin's configuration that have none here.
    pub plugin_config: Map<String, Value>,
    /// Plugins that follow in the list.
    pub meta_plugins: Vec<Map<String, Value>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum PluginType {
    #[default]
    Sriov,
    IbSriov,
    Ovs,
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
}
