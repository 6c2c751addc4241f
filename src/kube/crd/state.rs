//! `SriovNetworkNodeState`: what a node is, and what it shall be.

use super::condition::Condition;
use schemars::JsonSchema;
use std::collections::BTreeMap;

/// What a node is, and what it shall be. The node itself writes both.
#[derive(Debug, JsonSchema)]
pub struct NodeState {
    /// What the policies want of the node's PFs.
    pub spec: Option<NodeStateSpec>,
    /// What there is.
    pub status: Option<NodeStateStatus>,
}

/// What the policies want of a node's PFs.
#[derive(Debug, JsonSchema)]
pub struct NodeStateSpec {
    /// Of each PF that a policy selects
    pub interfaces: Option<Vec<Interface>>,
    /// Bridges of Open vSwitch
    pub bridges: Option<Bridges>,
    /// Of the node as a whole
    pub system: Option<System>,
}

/// What is wanted of a PF.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct Interface {
    /// Where it is on the PCI bus
    pub pci_address: String,
    /// How many VFs it has
    pub num_vfs: Option<i32>,
    /// Its MTU is not below this
    pub mtu: Option<i32>,
    /// Its interface
    pub name: Option<String>,
    /// ETH or IB
    pub link_type: Option<String>,
    /// legacy or switchdev
    #[schemars(rename = "eSwitchMode")]
    pub eswitch_mode: Option<String>,
    /// Another program makes its VFs
    pub externally_managed: Option<bool>,
    /// Its VFs by what becomes of them
    pub vf_groups: Option<Vec<VfGroup>>,
}

/// VFs of a PF that are alike.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct VfGroup {
    /// The pool that they form
    pub resource_name: Option<String>,
    /// What drives them
    pub device_type: Option<String>,
    /// The first and the last
    pub vf_range: Option<String>,
    /// The policy that says so
    pub policy_name: Option<String>,
    /// Their MTU
    pub mtu: Option<i32>,
    /// Pods get their RDMA devices
    pub is_rdma: Option<bool>,
    /// The kind of vDPA device that each has
    pub vdpa_type: Option<String>,
}

/// What there is on a node.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct NodeStateStatus {
    /// Its PFs
    pub interfaces: Option<Vec<InterfaceStatus>>,
    /// Bridges of Open vSwitch
    pub bridges: Option<Bridges>,
    /// Of the node as a whole
    pub system: Option<System>,
    /// InProgress, Succeeded or Failed
    pub sync_status: Option<String>,
    /// What is not as wanted, and why
    pub last_sync_error: Option<String>,
    /// `Ready` and others, each with its reason.
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Option<Vec<Condition>>,
}

/// A PF.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct InterfaceStatus {
    /// Its interface
    pub name: Option<String>,
    /// Its address
    pub mac: Option<String>,
    /// Its driver
    pub driver: Option<String>,
    /// Where it is on the PCI bus
    pub pci_address: String,
    /// Its PCI vendor
    pub vendor: Option<String>,
    /// Its PCI device
    #[schemars(rename = "deviceID")]
    pub device_id: Option<String>,
    /// The network of a cloud that it is in
    pub net_filter: Option<String>,
    /// Its MTU
    pub mtu: Option<i32>,
    /// How many VFs it has
    pub num_vfs: Option<i32>,
    /// Its speed
    pub link_speed: Option<String>,
    /// ETH or IB
    pub link_type: Option<String>,
    /// up or down
    pub link_admin_state: Option<String>,
    /// legacy or switchdev
    #[schemars(rename = "eSwitchMode")]
    pub eswitch_mode: Option<String>,
    /// Another program makes its VFs
    pub externally_managed: Option<bool>,
    /// How many VFs it offers
    pub totalvfs: Option<i32>,
    /// Other names of its interface
    pub alt_names: Option<Vec<String>>,
    /// Its VFs
    #[schemars(rename = "Vfs")]
    pub vfs: Option<Vec<Vf>>,
}

/// A VF.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct Vf {
    /// Its interface
    pub name: Option<String>,
    /// Its address
    pub mac: Option<String>,
    /// What has it
    pub assigned: Option<String>,
    /// Its driver
    pub driver: Option<String>,
    /// Where it is on the PCI bus
    pub pci_address: String,
    /// Its PCI vendor
    pub vendor: Option<String>,
    /// Its PCI device
    #[schemars(rename = "deviceID")]
    pub device_id: Option<String>,
    /// Its VLAN
    #[schemars(rename = "Vlan")]
    pub vlan: Option<i32>,
    /// Its MTU
    pub mtu: Option<i32>,
    /// Its index on the PF
    #[schemars(rename = "vfID")]
    pub vf_id: i32,
    /// The kind of vDPA device that it has
    pub vdpa_type: Option<String>,
    /// The interface that stands for it at the switch
    pub representor_name: Option<String>,
    /// Its GUID
    pub guid: Option<String>,
}

/// Of a node as a whole.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct System {
    /// Whether namespaces have RDMA devices of their own
    pub rdma_mode: Option<RdmaMode>,
}

/// Whether namespaces have RDMA devices of their own.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum RdmaMode {
    Shared,
    Exclusive,
}

/// Bridges that PFs are put into.
#[derive(Debug, JsonSchema)]
pub struct Bridges {
    /// Of Open vSwitch
    pub ovs: Option<Vec<Ovs>>,
}

/// A bridge of Open vSwitch.
#[derive(Debug, JsonSchema)]
pub struct Ovs {
    /// Its name
    pub name: String,
    /// What it is
    pub bridge: Option<OvsBridge>,
    /// The PF in it
    pub uplinks: Option<Vec<Uplink>>,
}

/// A PF in a bridge.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct Uplink {
    /// Where the PF is on the PCI bus
    pub pci_address: String,
    /// Its interface
    pub name: Option<String>,
    /// What it is there
    pub interface: Option<OvsInterface>,
}

/// The bridge that a PF is put into.
#[derive(Debug, JsonSchema)]
pub struct BridgeOfPolicy {
    /// A bridge of Open vSwitch
    pub ovs: Option<OvsOfPolicy>,
}

/// A bridge of Open vSwitch.
#[derive(Debug, JsonSchema)]
pub struct OvsOfPolicy {
    /// What it is
    pub bridge: Option<OvsBridge>,
    /// The PF in it
    pub uplink: Option<UplinkOfPolicy>,
}

/// A PF in a bridge.
#[derive(Debug, JsonSchema)]
pub struct UplinkOfPolicy {
    /// What it is there
    pub interface: Option<OvsInterface>,
}

/// A row of the table Bridge of OVSDB.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct OvsBridge {
    /// datapath_type
    pub datapath_type: Option<String>,
    /// external_ids
    #[schemars(rename = "externalIDs")]
    pub external_ids: Option<BTreeMap<String, String>>,
    /// other_config
    pub other_config: Option<BTreeMap<String, String>>,
    /// fail_mode
    pub fail_mode: Option<FailMode>,
}

/// What a bridge does without a controller.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum FailMode {
    Secure,
    Standalone,
}

/// A row of the table Interface of OVSDB.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct OvsInterface {
    /// type
    pub r#type: Option<String>,
    /// options
    pub options: Option<BTreeMap<String, String>>,
    /// external_ids
    #[schemars(rename = "externalIDs")]
    pub external_ids: Option<BTreeMap<String, String>>,
    /// other_config
    pub other_config: Option<BTreeMap<String, String>>,
    /// mtu_request
    pub mtu_request: Option<i32>,
}
