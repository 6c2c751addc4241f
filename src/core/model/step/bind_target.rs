//! The driver that a VF is to get.

use crate::model::DriverName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The driver that a VF is to be bound to.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum BindTarget {
    /// The driver that the kernel chooses by the device id.
    Default,
    /// This driver, set as `driver_override`.
    Driver(DriverName),
}
