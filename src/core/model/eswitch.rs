//! The switch in a NIC between its PF and its VFs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How the eSwitch of a PF works (`DEVLINK_ATTR_ESWITCH_MODE`).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum EswitchMode {
    /// It forwards by MAC address and VLAN, as the PF's driver sets them for each VF.
    Legacy,
    /// It forwards as the host says, to which each VF shows as a netdev: its representor.
    Switchdev,
}

impl EswitchMode {
    /// Every mode with its word in policies, snapshots and `devlink dev eswitch show`.
    pub const WORDS: [(&'static str, Self); 2] =
        [("legacy", Self::Legacy), ("switchdev", Self::Switchdev)];
}

impl fmt::Display for EswitchMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Legacy => "legacy",
            Self::Switchdev => "switchdev",
        })
    }
}
