//! The vocabulary: values that cannot be wrong, and the host as a plain value made of them.
#![warn(missing_docs)]
#![deny(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros
)]

pub mod action;
pub mod address;
pub mod allocation;
mod assignment;
pub mod attribute;
pub mod bridge;
pub mod device_node;
pub mod devlink;
pub mod driver;
pub mod errno;
pub mod eswitch;
pub mod holder;
pub mod host;
pub mod kubelet;
pub mod lenient;
pub mod name;
pub mod pod;
pub mod pools;
pub mod problem;
pub mod step;
pub mod step_facts;
pub mod taken_addresses;
pub mod timestamp;
pub mod vf;
pub mod vf_index;
pub mod world;

pub use action::{Action, Binding, Persistence};
pub use address::{MacAddress, PciAddress, PciId};
pub use allocation::{Allocation, Container};
pub use assignment::Assignment;
pub use attribute::{VfAttribute, VfSetting, VfSettings};
pub use device_node::{DeviceNode, Openable};
pub use devlink::{DevlinkParam, DevlinkParams, ParamKind, ParamMode, ParamValue};
pub use driver::DriverFacts;
pub use errno::Errno;
pub use eswitch::EswitchMode;
pub use holder::Holder;
pub use host::{
    HostSnapshot, LinkType, Node, PfInterface, PfSnapshot, Representor, VfInterface, VfSnapshot,
};
pub use kubelet::{KubeletAllocation, KubeletRecord};
pub use name::{
    DriverName, InterfaceName, NetworkName, PolicyName, ResourceName, ResourcePrefix, SourceName,
};
pub use pod::PodContainer;
pub use pools::{NotPools, PoolPf, PoolsFile};
pub use problem::{PfState, Problem, ProblemKind};
pub use step::{BindTarget, PfStep, Step, VfStep};
pub use step_facts::{DependsOn, Part, StepFacts, Takes};
pub use taken_addresses::{Addressed, Function, TakenAddresses};
pub use timestamp::Timestamp;
pub use vf::{LinkState, Mtu, TxRate, VfStatistics, Vlan, VlanProto};
pub use vf_index::{VfIndex, VfRange};

/// A text that does not have the form its type asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {expected}")]
pub struct Malformed {
    /// The text that was refused, cut after 80 characters.
    pub text: String,
    /// The form that is expected, as the end of a sentence: "a PCI address such as 0000:3b:00.0".
    pub expected: &'static str,
}

impl Malformed {
    /// Keeps at most 80 characters of `text`: it may come from a file or a peer.
    pub fn new(text: &str, expected: &'static str) -> Self {
        Self {
            text: text.chars().take(80).collect(),
            expected,
        }
    }
}

/// Serde through `FromStr` and `Display`, so that a value is checked wherever text enters.
macro_rules! serde_as_text {
    ($type:ty) => {
        $crate::model::serde_as_text!($type, {});
    };
    // With what a schema says of the text beside that it is one.
    ($type:ty, $schema:tt) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let mut schema = schemars::json_schema!($schema);
                schema.insert("type".to_owned(), "string".into());
                schema
            }
        }
    };
}
pub(crate) use serde_as_text;

#[cfg(test)]
mod tests;
