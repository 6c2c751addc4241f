//! What is wanted as it was written: every key may be missing, and none has been held against
//! another. Whatever policies come from becomes this, and `check` judges it.
//!
//! The doc comment of a key is what its schema, `docs/policy.md` and sriov.d(5) say of it.

pub mod attributes;
pub mod value;

use super::network::PluginType;
use super::reader::{Boolean, List, Many, MapOf, Object, OneOf, Parsed, Text, table};
use super::{Disruption, OnRemoval};
use crate::model::bridge::FailMode;
use crate::model::{
    DriverName, EswitchMode, InterfaceName, LinkType, NetworkName, PciAddress, PciId, PolicyName,
    VfRange,
};
use attributes::{AttributesDraft, InNetworks, InPolicies};
use value::{
    Bytes, CniConfig, CniVersion, Count, Index, MacOfAll, MacOfOne, NameGlob, Namespace, NumaNode,
    Param, PfName, Prefix, Priority, Purpose, Resource, Unicast, Version,
};

table! {
    /// A policy file, or what else holds policies and networks.
    pub Draft: "this file" {
        /// The version of the format.
        version: Version,
        /// What PFs and their VFs shall be.
        policy: List<PolicyDraft>,
        /// How containers are attached to the VFs of a pool.
        network: List<NetworkDraft>,
    }
}

table! {
    /// One `[[policy]]`.
    #[schemars(extend("required" = ["name", "match"]))]
    pub PolicyDraft: "this policy" {
        /// Unique over all files
        name: Parsed<PolicyName>,
        /// A policy that is switched off has no effect
        enabled: Boolean,
        /// Decides between policies that match the same PF; see below
        priority: Priority,
        /// The pool that these VFs form. Several policies may feed one
        resource: Resource,
        /// For the device plugin, in front of `resource`
        resource_prefix: Prefix,
        /// How many VFs the PF has; `"max"` is all that it offers
        num_vfs: Count,
        /// Another program creates the VFs: sriovd configures them and does not change their number
        external: Boolean,
        /// The share of the PF's VFs that this policy claims
        vfs: Parsed<VfRange>,
        /// The MTU of the VFs. The PF's MTU is raised to it if it is lower, and set back when no policy needs it any more
        mtu: Bytes,
        /// `"netdevice"` is the kernel's own driver. With `"any"` sriovd changes no driver, and without the key it changes none that another program chose; see below
        device_type: Purpose,
        /// `sriov_drivers_autoprobe` of the PF
        driver_autoprobe: Boolean,
        /// The mode of the NIC's own switch. It is changed only while there are no VFs: those that are there are removed first, unless they are in use; see below
        eswitch_mode: OneOf<EswitchMode>,
        /// Whether the NIC carries out rules of tc on the PF and on representors: `hw-tc-offload` of `ethtool -k`
        hw_tc_offload: Boolean,
        /// For the device plugin, which then leaves out VFs that have no RDMA device; `sriovctl status` names them
        is_rdma: Boolean,
        /// For the device plugin and CDI: a container gets `/dev/vhost-net` and `/dev/net/tun` with its VF
        need_vhost_net: Boolean,
        /// For the device plugin, which then tells no NUMA node of these VFs
        exclude_topology: Boolean,
        /// `"stable"` is made from the PF's permanent address and the VF's index; see below
        mac: MacOfAll,
        /// What happens to the PF when no policy matches it any more
        on_removal: OneOf<OnRemoval>,
        /// When VFs may be destroyed or given another driver
        disruption: OneOf<Disruption>,
        /// Parameters of the PF's driver as `devlink dev param show` names them; see below
        devlink: MapOf<Param>,
        /// The representors of these VFs, with `eswitch_mode = "switchdev"`; see below
        representor: RepresentorDraft,
        /// The bridge of Open vSwitch that PF and representors are ports of, with `eswitch_mode = "switchdev"`; see below
        bridge: BridgeDraft,
        /// Which nodes; see below
        node: NodeDraft,
        /// Which PFs; see below
        r#match: MatchDraft,
        /// VFs that differ; see below
        vf: List<VfDraft>,
    }
    with attributes: AttributesDraft<InPolicies>
}

table! {
    /// `[policy.representor]`: the netdevs that stand for the VFs on the host in switchdev mode.
    pub RepresentorDraft: "[policy.representor]" {
        /// Their MTU
        mtu: Bytes,
        /// They are set up, also when another program set them down
        up: Boolean,
    }
}

table! {
    /// `[policy.bridge]`: the bridge of Open vSwitch that the PF and its representors are ports of.
    pub BridgeDraft: "[policy.bridge]" {
        /// Its name; without one it is made of the PF's address, as `br-0000_3b_00.0`
        name: Parsed<InterfaceName>,
        /// `datapath_type`, such as `"netdev"`
        datapath_type: Text,
        /// `fail_mode`
        fail_mode: OneOf<FailMode>,
        /// Entries of `external_ids`
        external_ids: MapOf<Text>,
        /// Entries of `other_config`
        other_config: MapOf<Text>,
        /// `other_config:hw-offload` of Open vSwitch is set: it offloads to NICs what they take. It is not set back
        hw_offload: Boolean,
        /// The representors of this policy's VFs are ports
        representors: Boolean,
        /// The PF is a port
        uplink: Boolean,
        /// `type` of the PF's interface, such as `"dpdk"`
        uplink_type: Text,
        /// `mtu_request` of the PF's interface
        uplink_mtu_request: Bytes,
        /// Entries of `options` of the PF's interface
        uplink_options: MapOf<Text>,
        /// Entries of `external_ids` of the PF's interface
        uplink_external_ids: MapOf<Text>,
        /// Entries of `other_config` of the PF's interface
        uplink_other_config: MapOf<Text>,
    }
}

table! {
    /// `[policy.match]`: every key that is given must match; a list means any of its values.
    pub MatchDraft: "[policy.match]" {
        /// Of the PF on the PCI bus
        vendor: Many<Parsed<PciId>>,
        /// Of the PF on the PCI bus
        device: Many<Parsed<PciId>>,
        /// Where the PF is on the PCI bus
        pci_address: Many<Parsed<PciAddress>>,
        /// Any name of the interface, altnames too. `ens1f0#0-3` is a name and `vfs = "0-3"`; of several that match a PF all shares hold
        pf_name: Many<PfName>,
        /// The permanent address; of a PF without one its present address
        mac: Many<Unicast>,
        /// The PF's driver
        driver: Many<Parsed<DriverName>>,
        /// The kind of the PF's interface
        link_type: Many<OneOf<LinkType>>,
        /// The node that the PF is attached to
        numa_node: Many<NumaNode>,
    }
}

table! {
    /// `[policy.node]`: on which nodes a policy holds.
    pub NodeDraft: "[policy.node]" {
        /// One or a list, of which any matches
        hostname: Many<NameGlob>,
        /// All must be among the labels in `/etc/sriovd.toml`
        labels: MapOf<Text>,
    }
}

table! {
    /// One `[[policy.vf]]`: what a single VF gets on top.
    #[schemars(extend("required" = ["index"]))]
    pub VfDraft: "[[policy.vf]]" {
        /// Which VF
        index: Index,
        /// As in the policy, or an address
        mac: MacOfOne,
    }
    with attributes: AttributesDraft<InPolicies>
}

table! {
    /// One `[[network]]`.
    #[schemars(extend("required" = ["name"]))]
    pub NetworkDraft: "this network" {
        /// Unique over all files
        name: Parsed<NetworkName>,
        /// The pool whose VF it takes
        resource: Resource,
        /// Kubernetes namespace of its NetworkAttachmentDefinition
        namespace: Namespace,
        /// The CNI plugin
        r#type: OneOf<PluginType>,
        /// The `cniVersion` of the configuration that is written
        cni_version: CniVersion,
        /// With `type = "sriov"`
        mac: Unicast,
        /// What the container runtime may pass to the plugin, such as `mac`
        capabilities: MapOf<Boolean>,
        /// As the CNI plugin takes it
        ipam: Object,
        /// Keys of the plugin that have none here, such as `bridge` of `ovs`
        plugin_config: Object,
        /// Plugins that follow in the list
        meta_plugins: List<Object>,
        /// A CNI plugin or list as given, in place of all other keys but `name`, `resource` and `namespace`
        config: CniConfig,
    }
    with attributes: AttributesDraft<InNetworks>
}
