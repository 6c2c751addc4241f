//! What uses a VF, in words that a refusal can show.

use super::{InterfaceName, PodContainer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One use of a VF, with the sign by which it was recognised. A VF that has any is in use.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Holder {
    /// The netdev left our network namespace; `name` where the namespace could be named.
    Namespace {
        /// The namespace's name in `/run/netns`.
        name: Option<String>,
    },
    /// A process has the VFIO group (or its device) open.
    VfioGroup {
        /// The number in `/dev/vfio/`.
        group: u32,
    },
    /// A process has the device open through another user-space driver.
    UserspaceDevice,
    /// The driver is of uio, which tells only of all its devices together that one of them is open.
    UioDevice {
        /// The name in `/dev/`, such as `uio0`.
        device: String,
    },
    /// A program has the VF's RDMA device open.
    Rdma {
        /// The device's name as `rdma link` shows it.
        device: String,
    },
    /// A packet socket is bound to the netdev in our namespace.
    PacketSocket,
    /// An XDP program is attached to the netdev in our namespace.
    Xdp,
    /// The netdev in our namespace has a queueing discipline, which filters may stand on.
    TrafficControl {
        /// The kind of queueing discipline, such as `prio`.
        discipline: String,
    },
    /// A route leads over the netdev in our namespace, which has no address.
    Route {
        /// The route's destination, as `ip route` shows it.
        to: String,
    },
    /// The netdev in our namespace is a port of this interface.
    Enslaved {
        /// The master: a bridge, bond or Open vSwitch datapath.
        to: InterfaceName,
    },
    /// A network manager has configured the netdev in our namespace.
    NetworkManager {
        /// The network manager, such as `systemd-networkd`.
        program: String,
    },
    /// The netdev in our namespace carries this address.
    Address {
        /// An address that is not link-local, without its prefix length.
        address: String,
    },
    /// A CNI plugin's allocation record names the VF and its network namespace lives.
    CniAllocation {
        /// The path of the network namespace in the plugin's record.
        netns: String,
    },
    /// One of our plugins attached it to a container.
    Container {
        /// What people call the container, else the first characters of its id.
        container: String,
        /// The name of the network by which it was attached.
        network: String,
    },
    /// kubelet has allocated it to a pod, whether the pod has begun to use it or not.
    Kubelet {
        /// What the pod asked for, such as `sriovd.io/fast`.
        resource: String,
        /// Missing until kubelet has told which it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        container: Option<PodContainer>,
    },
    /// A vDPA or mediated device stands on it.
    Child {
        /// The device's name in sysfs: a vDPA device, or the UUID of a mediated device.
        device: String,
    },
}

impl Holder {
    /// Whether a container plugin or kubelet allocated the VF: until it is released, nothing of it is changed.
    pub fn is_allocation(&self) -> bool {
        matches!(
            self,
            Self::CniAllocation { .. } | Self::Container { .. } | Self::Kubelet { .. }
        )
    }

    /// Whether the kernel gives no event when this use ends.
    pub fn ends_silently(&self) -> bool {
        match self {
            Self::UioDevice { .. }
            | Self::Rdma { .. }
            | Self::PacketSocket
            | Self::Xdp
            | Self::TrafficControl { .. }
            | Self::Route { .. }
            | Self::NetworkManager { .. } => true,
            Self::Namespace { .. }
            | Self::VfioGroup { .. }
            | Self::UserspaceDevice
            | Self::Enslaved { .. }
            | Self::Address { .. }
            | Self::CniAllocation { .. }
            | Self::Container { .. }
            | Self::Kubelet { .. }
            | Self::Child { .. } => false,
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Namespace { name: Some(name) } => write!(f, "network namespace {name}"),
            Self::Namespace { name: None } => f.write_str("another network namespace"),
            Self::VfioGroup { group } => {
                write!(
                    f,
                    "VFIO group {group} (fuser -v /dev/vfio/{group} names the process)"
                )
            }
            Self::UserspaceDevice => f.write_str("a user-space driver that has it open"),
            Self::UioDevice { device } => write!(
                f,
                "a program that has {device} open, as it seems: uio tells of no single device \
                 (fuser -v /dev/{device} names the process)"
            ),
            Self::Rdma { device } => write!(
                f,
                "a program on RDMA device {device} (rdma resource show ctx dev {device} names it)"
            ),
            Self::PacketSocket => f.write_str(
                "a packet socket on this host (ss --packet --processes names the process)",
            ),
            Self::Xdp => f.write_str("an XDP program on this host (bpftool net shows it)"),
            Self::TrafficControl { discipline } => {
                write!(f, "traffic control on this host, with qdisc {discipline}")
            }
            Self::Route { to } => write!(f, "this host, with a route to {to}"),
            Self::NetworkManager { program } => write!(f, "{program}, which has configured it"),
            Self::Enslaved { to } => write!(f, "interface {to}, whose port it is"),
            Self::Address { address } => write!(f, "this host, with address {address}"),
            Self::CniAllocation { netns } => write!(f, "CNI, for {netns}"),
            Self::Container { container, network } => {
                write!(f, "container {container} (network {network})")
            }
            Self::Kubelet {
                resource,
                container:
                    Some(PodContainer {
                        namespace,
                        pod,
                        container,
                    }),
            } => write!(
                f,
                "pod {namespace}/{pod}, container {container} (resource {resource})"
            ),
            Self::Kubelet {
                resource,
                container: None,
            } => write!(
                f,
                "a pod that kubelet has not named yet (resource {resource})"
            ),
            Self::Child { device } => write!(f, "device {device} on top of it"),
        }
    }
}
