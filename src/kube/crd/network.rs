//! `SriovNetwork`, `SriovIBNetwork` and `OVSNetwork`: how pods are attached to the VFs of a pool.

use super::condition::NetworkStatus;
use super::structural::rule;
use schemars::JsonSchema;

/// How pods are attached to the VFs of a pool.
#[derive(Debug, JsonSchema)]
pub struct SriovNetwork {
    /// What is wanted.
    pub spec: Option<SriovNetworkSpec>,
    /// What became of it.
    pub status: Option<NetworkStatus>,
}

/// How pods are attached to the InfiniBand VFs of a pool.
#[derive(Debug, JsonSchema)]
pub struct SriovIbNetwork {
    /// What is wanted.
    pub spec: Option<SriovIbNetworkSpec>,
    /// What became of it.
    pub status: Option<NetworkStatus>,
}

/// How pods are attached to VFs of a pool whose representors are ports of Open vSwitch.
#[derive(Debug, JsonSchema)]
pub struct OvsNetwork {
    /// What is wanted.
    pub spec: Option<OvsNetworkSpec>,
    /// What became of it.
    pub status: Option<NetworkStatus>,
}

/// What is wanted.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    rule(
        "!has(self.minTxRate) || !has(self.maxTxRate) || self.maxTxRate == 0 || self.minTxRate <= self.maxTxRate",
        "minTxRate cannot be above maxTxRate",
    ),
]))]
pub struct SriovNetworkSpec {
    /// The namespace of the NetworkAttachmentDefinition; that of this object where it is not given
    pub network_namespace: Option<String>,
    /// The pool whose VFs it takes
    pub resource_name: String,
    /// What may be asked of the plugin for one pod, as JSON: {"mac": true}
    pub capabilities: Option<String>,
    /// How pods get addresses, as JSON
    pub ipam: Option<String>,
    /// The VLAN of the VFs; 0 is none
    #[schemars(range(min = 0, max = 4094))]
    pub vlan: Option<i32>,
    /// The priority in VLAN tags
    #[schemars(rename = "vlanQoS", range(min = 0, max = 7))]
    pub vlan_qos: Option<i32>,
    /// The type of VLAN tags
    pub vlan_proto: Option<VlanProto>,
    /// Whether VFs are held to their addresses
    pub spoof_chk: Option<Switch>,
    /// Whether VFs may do what needs the PF's trust
    pub trust: Option<Switch>,
    /// What the link of VFs follows
    pub link_state: Option<LinkState>,
    /// What a VF may always send, in Mbit/s
    #[schemars(range(min = 0))]
    pub min_tx_rate: Option<i32>,
    /// What a VF may send at most, in Mbit/s; 0 is no limit
    #[schemars(range(min = 0))]
    pub max_tx_rate: Option<i32>,
    /// Plugins that follow, as JSON objects with commas between them
    pub meta_plugins: Option<String>,
    /// What the plugin logs
    #[schemars(extend("default" = "info"))]
    pub log_level: Option<LogLevel>,
    /// Where the plugin logs to
    pub log_file: Option<String>,
}

/// What is wanted.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct SriovIbNetworkSpec {
    /// The namespace of the NetworkAttachmentDefinition; that of this object where it is not given
    pub network_namespace: Option<String>,
    /// The pool whose VFs it takes
    pub resource_name: String,
    /// What may be asked of the plugin for one pod, as JSON: {"infinibandGUID": true}
    pub capabilities: Option<String>,
    /// How pods get addresses, as JSON
    pub ipam: Option<String>,
    /// What the link of VFs follows
    pub link_state: Option<LinkState>,
    /// Plugins that follow, as JSON objects with commas between them
    pub meta_plugins: Option<String>,
}

/// What is wanted.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct OvsNetworkSpec {
    /// The namespace of the NetworkAttachmentDefinition; that of this object where it is not given
    pub network_namespace: Option<String>,
    /// The pool whose VFs it takes
    pub resource_name: String,
    /// What may be asked of the plugin for one pod, as JSON: {"mac": true}
    pub capabilities: Option<String>,
    /// How pods get addresses, as JSON
    pub ipam: Option<String>,
    /// Plugins that follow, as JSON objects with commas between them
    pub meta_plugins: Option<String>,
    /// The bridge; where it is not given, that of the VF's PF
    pub bridge: Option<String>,
    /// The VLAN of the port; 0 is none
    #[schemars(range(min = 0, max = 4095))]
    pub vlan: Option<i32>,
    /// The MTU of the port
    pub mtu: Option<i32>,
    /// The VLANs that the port carries
    pub trunk: Option<Vec<Trunk>>,
    /// The type of the port's interface
    pub interface_type: Option<String>,
}

/// One VLAN, or those from one to another.
#[derive(Debug, JsonSchema)]
pub struct Trunk {
    /// One VLAN
    #[schemars(range(min = 0, max = 4095))]
    pub id: Option<i32>,
    /// The first of a range
    #[schemars(rename = "minID", range(min = 0, max = 4095))]
    pub min_id: Option<i32>,
    /// The last of a range
    #[schemars(rename = "maxID", range(min = 0, max = 4095))]
    pub max_id: Option<i32>,
}

/// The type of VLAN tags.
#[derive(Debug, JsonSchema)]
pub enum VlanProto {
    #[schemars(rename = "802.1q")]
    Customer,
    #[schemars(rename = "802.1Q")]
    CustomerInCapitals,
    #[schemars(rename = "802.1ad")]
    Service,
    #[schemars(rename = "802.1AD")]
    ServiceInCapitals,
}

/// On or off.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum Switch {
    On,
    Off,
}

/// What a link follows.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum LinkState {
    Auto,
    Enable,
    Disable,
}

/// What a plugin logs.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum LogLevel {
    Panic,
    Error,
    Warning,
    Info,
    Debug,
    #[schemars(rename = "")]
    None,
}
