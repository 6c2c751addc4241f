//! Who uses a VF, in words that a refusal can show.

use super::InterfaceName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Holder {
    /// The netdev left our network namespace; `name` where the namespace could be named.
    Namespace { name: Option<String> },
    /// A process has the VFIO group (or its device) open.
    VfioGroup { group: u32 },
    /// A process has the device open through another user-space driver.
    UserspaceDevice,
    /// The netdev in our namespace is a port of this interface.
    Enslaved { to: InterfaceName },
    /// The netdev in our namespace carries this address.
    Address { address: String },
    /// A CNI plugin's allocation record names the VF and its network namespace lives.
    CniAllocation { netns: String },
    /// One of our plugins attached it to a container.
    Container { container: String, network: String },
    /// A vDPA or mediated device stands on it.
    Child { device: String },
}

impl Holder {
    /// Lent by a container plugin: its attributes are that plugin's until it gives the VF back.
    pub fn is_allocation(&self) -> bool {
        matches!(self, Self::CniAllocation { .. } | Self::Container { .. })
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
            Self::Enslaved { to } => write!(f, "interface {to}, whose port it is"),
            Self::Address { address } => write!(f, "this host, with address {address}"),
            Self::CniAllocation { netns } => write!(f, "CNI, for {netns}"),
            Self::Container { container, network } => {
                write!(f, "container {container} (network {network})")
            }
            Self::Child { device } => write!(f, "device {device} on top of it"),
        }
    }
}
