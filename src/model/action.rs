//! The smallest things that are done to a host. An action says everything: `apply` decides nothing.

use super::{DriverName, Mtu, PciAddress, VfIndex, VfSetting};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Action {
    pub pf: PciAddress,
    pub step: Step,
    /// Also to VFs in use, those included that were taken after they were looked at.
    #[serde(default)]
    pub though_in_use: bool,
}

#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case", tag = "step")]
pub enum Step {
    /// `sriov_drivers_autoprobe`
    SetAutoprobe {
        on: bool,
    },
    /// `sriov_numvfs`: the kernel takes a count only from 0, and 0 only from a count.
    SetNumVfs {
        from: u16,
        to: u16,
    },
    /// The PF's administrative state up.
    SetPfUp {
        interface: u32,
    },
    SetPfMtu {
        interface: u32,
        mtu: Mtu,
    },
    /// One attribute of one VF, through the PF.
    SetVf {
        interface: u32,
        vf: VfIndex,
        setting: VfSetting,
    },
    /// `driver_override` and `drivers_probe`; a driver bound before is unbound first.
    Bind {
        vf: VfIndex,
        address: PciAddress,
        to: BindTarget,
    },
    /// The MTU of the VF's own netdev.
    SetVfMtu {
        vf: VfIndex,
        interface: u32,
        mtu: Mtu,
    },
}

#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum BindTarget {
    /// Whatever driver the kernel chooses by the device's id.
    Default,
    Driver(DriverName),
}

/// When another try of a step that failed is worth it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persistence {
    /// By itself, soon: back off and try again.
    Transient,
    /// Not before something about the device, its driver or the policy changes.
    UntilChange,
    /// Never with this driver and kernel.
    Unsupported,
    /// By itself, soon, and nothing is wrong: another program is at work there.
    Busy,
}

impl Persistence {
    /// Whether another try after a while may succeed though nothing is seen to change.
    pub fn is_passing(self) -> bool {
        matches!(self, Self::Transient | Self::Busy)
    }
}

impl Step {
    /// The VF that the step is about; PF-wide steps have none.
    pub fn vf(&self) -> Option<VfIndex> {
        match self {
            Self::SetVf { vf, .. } | Self::Bind { vf, .. } | Self::SetVfMtu { vf, .. } => Some(*vf),
            Self::SetAutoprobe { .. }
            | Self::SetNumVfs { .. }
            | Self::SetPfUp { .. }
            | Self::SetPfMtu { .. } => None,
        }
    }

    /// The name of its kind, as the journal field `SRIOV_ACTION=` shows it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::SetAutoprobe { .. } => "set-autoprobe",
            Self::SetNumVfs { .. } => "set-numvfs",
            Self::SetPfUp { .. } => "set-pf-up",
            Self::SetPfMtu { .. } => "set-pf-mtu",
            Self::SetVf { .. } => "set-vf",
            Self::Bind { .. } => "bind",
            Self::SetVfMtu { .. } => "set-vf-mtu",
        }
    }

    /// Whether it takes VFs away from whoever uses them.
    pub fn is_disruptive(&self) -> bool {
        matches!(self, Self::SetNumVfs { to: 0, .. } | Self::Bind { .. })
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SetAutoprobe { on } => {
                write!(
                    f,
                    "sriov_drivers_autoprobe {}",
                    if *on { "on" } else { "off" }
                )
            }
            Self::SetNumVfs { from, to } => write!(f, "numvfs {from} -> {to}"),
            Self::SetPfUp { .. } => f.write_str("PF up"),
            Self::SetPfMtu { mtu, .. } => write!(f, "PF mtu {mtu}"),
            Self::SetVf { vf, setting, .. } => write!(f, "VF {vf} {setting}"),
            Self::Bind {
                vf,
                to: BindTarget::Default,
                ..
            } => {
                write!(f, "VF {vf} driver default")
            }
            Self::Bind {
                vf,
                to: BindTarget::Driver(driver),
                ..
            } => {
                write!(f, "VF {vf} driver {driver}")
            }
            Self::SetVfMtu { vf, mtu, .. } => write!(f, "VF {vf} mtu {mtu}"),
        }
    }
}
