//! `SriovNetworkNodePolicy`: what PFs of some nodes and their VFs shall be.

use super::condition::PolicyStatus;
use super::state::BridgeOfPolicy;
use super::structural::rule;
use schemars::JsonSchema;
use std::collections::BTreeMap;

/// What PFs of some nodes and their VFs shall be.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct NodePolicy {
    /// What is wanted.
    pub spec: Option<NodePolicySpec>,
    /// What became of it.
    pub status: Option<PolicyStatus>,
}

/// What is wanted.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    rule(
        "!has(self.nicSelector.pfNames) || self.nicSelector.pfNames.all(name, !name.contains('#') || !name.matches('^[^#]+#[0-9]{1,5}-[0-9]{1,5}$') || int(name.split('-')[size(name.split('-')) - 1]) < self.numVfs)",
        "the last VF of a range in nicSelector.pfNames must be below numVfs: VFs are counted from 0",
    ),
    rule(
        "!has(self.isRdma) || !self.isRdma || self.deviceType != 'vfio-pci'",
        "isRdma cannot be true with deviceType vfio-pci: a VF has no RDMA device without the kernel's own driver",
    ),
    rule(
        "!has(self.eSwitchMode) || self.eSwitchMode != 'switchdev' || !has(self.linkType) || self.linkType.lowerAscii() == 'eth'",
        "eSwitchMode switchdev is for Ethernet: linkType must be eth",
    ),
    rule(
        "!has(self.vdpaType) || (self.deviceType == 'netdevice' && has(self.eSwitchMode) && self.eSwitchMode == 'switchdev')",
        "vdpaType needs deviceType netdevice and eSwitchMode switchdev",
    ),
    rule(
        "!has(self.bridge) || !has(self.bridge.ovs) || (has(self.eSwitchMode) && self.eSwitchMode == 'switchdev' && !(has(self.externallyManaged) && self.externallyManaged))",
        "bridge needs eSwitchMode switchdev, and cannot be with externallyManaged",
    ),
    rule(
        "!has(self.nicSelector.netFilter) || self.nicSelector.netFilter == '' || (!has(self.eSwitchMode) && !has(self.bridge) && (!has(self.linkType) || self.linkType.lowerAscii() == 'eth'))",
        "with nicSelector.netFilter there can be no eSwitchMode, no bridge and no linkType but eth",
    ),
]))]
pub struct NodePolicySpec {
    /// The pool that these VFs form. Pods ask for PREFIX/NAME
    #[schemars(length(min = 1, max = 63), regex(pattern = RESOURCE))]
    pub resource_name: String,
    /// On which nodes: all of these labels must be there
    pub node_selector: BTreeMap<String, String>,
    /// Of policies that select the same VFs the one with the lowest number wins
    #[schemars(range(min = 0, max = 99), extend("default" = 99))]
    pub priority: Option<i32>,
    /// The MTU of the VFs. The PF's is raised to it where it is lower
    #[schemars(range(min = 1))]
    pub mtu: Option<i32>,
    /// How many VFs each PF has
    #[schemars(range(min = 0))]
    pub num_vfs: i32,
    /// Which PFs
    pub nic_selector: NicSelector,
    /// What drives the VFs
    #[schemars(extend("default" = "netdevice"))]
    pub device_type: Option<DeviceType>,
    /// Pods get the RDMA devices of their VFs
    pub is_rdma: Option<bool>,
    /// Pods get /dev/vhost-net with their VFs
    pub need_vhost_net: Option<bool>,
    /// What the port is
    pub link_type: Option<LinkType>,
    /// What the switch in the NIC does
    #[schemars(rename = "eSwitchMode")]
    pub eswitch_mode: Option<EswitchMode>,
    /// The kind of vDPA device that each VF gets
    pub vdpa_type: Option<VdpaType>,
    /// The NUMA node of these VFs is not told to the scheduler
    pub exclude_topology: Option<bool>,
    /// Another program makes the VFs: their number is not changed
    pub externally_managed: Option<bool>,
    /// The bridge that the PF is put into
    pub bridge: Option<BridgeOfPolicy>,
}

const RESOURCE: &str = "^[a-zA-Z0-9]([a-zA-Z0-9_-]*[a-zA-Z0-9])?$";

/// Which PFs: every field that is given must match, and of a list any entry.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    rule(
        "(has(self.vendor) && self.vendor != '') || (has(self.deviceID) && self.deviceID != '') || (has(self.netFilter) && self.netFilter != '') || (has(self.rootDevices) && size(self.rootDevices) > 0) || (has(self.pfNames) && size(self.pfNames) > 0)",
        "at least one of vendor, deviceID, pfNames, rootDevices and netFilter must be given: an empty nicSelector selects nothing",
    ),
    rule(
        "!has(self.netFilter) || self.netFilter == '' || !((has(self.vendor) && self.vendor != '') || (has(self.deviceID) && self.deviceID != '') || (has(self.rootDevices) && size(self.rootDevices) > 0) || (has(self.pfNames) && size(self.pfNames) > 0))",
        "netFilter cannot be given with vendor, deviceID, pfNames or rootDevices",
    ),
]))]
pub struct NicSelector {
    /// The PCI vendor, such as 8086
    pub vendor: Option<String>,
    /// The PCI device of the PF, such as 158b
    #[schemars(rename = "deviceID")]
    pub device_id: Option<String>,
    /// PCI addresses of PFs
    pub root_devices: Option<Vec<String>>,
    /// Interface names of PFs, each with the VFs that the policy is for where that is not all of them: ens1f0#0-3
    #[schemars(length(max = 256))]
    pub pf_names: Option<Vec<PfName>>,
    /// The network of a cloud that the NIC is in
    pub net_filter: Option<String>,
}

/// A name, or a name with a range of VFs.
#[derive(Debug, JsonSchema)]
#[schemars(transparent)]
#[schemars(extend("x-kubernetes-validations" = [
    rule(
        "!self.contains('#') || self.matches('^[^#]+#[0-9]{1,5}-[0-9]{1,5}$')",
        "VFs of a PF are said as in ens1f0#0-3: the first and the last, counted from 0",
    ),
    rule(
        "!self.matches('^[^#]+#[0-9]{1,5}-[0-9]{1,5}$') || int(self.split('#')[1].split('-')[0]) <= int(self.split('#')[1].split('-')[1])",
        "the last VF of the range is before the first",
    ),
]))]
pub struct PfName(#[schemars(length(max = 256))] pub String);

/// What drives VFs.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum DeviceType {
    Netdevice,
    VfioPci,
}

/// What a port is.
#[derive(Debug, JsonSchema)]
pub enum LinkType {
    #[schemars(rename = "eth")]
    Eth,
    #[schemars(rename = "ETH")]
    EthInCapitals,
    #[schemars(rename = "ib")]
    Ib,
    #[schemars(rename = "IB")]
    IbInCapitals,
}

/// What the switch in a NIC does.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum EswitchMode {
    Legacy,
    Switchdev,
}

/// A kind of vDPA devices.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum VdpaType {
    Virtio,
    Vhost,
}
