//! The smallest things that are done to a host. An action says everything: `apply` decides nothing.

use super::{DriverName, Mtu, PciAddress, VfIndex, VfSetting};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One step on one PF, with all that its execution depends on: it decides nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Action {
    /// The PF.
    pub pf: PciAddress,
    /// What is done.
    pub step: Step,
    /// Also to VFs in use, those included that were taken after they were looked at.
    #[serde(default)]
    pub though_in_use: bool,
    /// What binds the VF of a `Bind` step, as it was seen: if it is another by now, somebody else
    /// is at it. `None`: whatever it is.
    #[serde(default)]
    pub seen: Option<Binding>,
}

/// What a VF is bound to, and what is to be bound to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Binding {
    /// The driver that is bound to the VF.
    pub driver: Option<DriverName>,
    /// The only driver that may be bound to it.
    pub driver_override: Option<DriverName>,
}

/// The smallest thing that is done to a PF or a VF.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case", tag = "step")]
pub enum Step {
    /// `sriov_drivers_autoprobe`
    SetAutoprobe {
        /// Whether new VFs are bound to their default driver.
        on: bool,
    },
    /// `sriov_numvfs`: the kernel takes a count only from 0, and 0 only from a count.
    SetNumVfs {
        /// The number of VFs before.
        from: u16,
        /// The number of VFs afterwards.
        to: u16,
    },
    /// The PF's administrative state up.
    SetPfUp {
        /// `ifindex` of the PF's netdev.
        interface: u32,
    },
    /// The PF's administrative state down.
    SetPfDown {
        /// `ifindex` of the PF's netdev.
        interface: u32,
    },
    /// The MTU of the PF's own netdev.
    SetPfMtu {
        /// `ifindex` of the PF's netdev.
        interface: u32,
        /// In bytes.
        mtu: Mtu,
    },
    /// One attribute of one VF, through the PF.
    SetVf {
        /// `ifindex` of the PF's netdev.
        interface: u32,
        /// The index of the VF on the PF.
        vf: VfIndex,
        /// The attribute with its value.
        setting: VfSetting,
    },
    /// `driver_override` and `drivers_probe`, after the driver that was seen there is unbound.
    Bind {
        /// The index of the VF on the PF.
        vf: VfIndex,
        /// The PCI address of the VF.
        address: PciAddress,
        /// A first driver is another step than a second one: what came of the one says nothing of
        /// the other, and a driver that came meanwhile is not unbound.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<DriverName>,
        /// The driver that the VF gets.
        to: BindTarget,
    },
    /// The MTU of the VF's own netdev.
    SetVfMtu {
        /// The index of the VF on the PF.
        vf: VfIndex,
        /// `ifindex` of the VF's netdev.
        interface: u32,
        /// In bytes.
        mtu: Mtu,
    },
}

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

/// When another try of a step that failed is worth it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persistence {
    /// Soon, as the kernel says: back off and try again. A failure once it lasts.
    Transient,
    /// Perhaps soon: some drivers give this answer while they are not ready. A failure after a few
    /// tries, and then as `UntilChange`.
    Doubtful,
    /// Not before something about the device, its driver or the policy changes.
    UntilChange,
    /// Never with this driver and kernel.
    Unsupported,
    /// Soon, and nothing is wrong: another program is at work there.
    Busy,
    /// Soon, and nothing is wrong: another part of the system is bringing it about.
    Coming,
}

impl Persistence {
    /// Whether another try after a while may succeed though nothing is seen to change, after so
    /// many tries that did not.
    pub fn is_passing(self, tries: u8) -> bool {
        match self {
            Self::Transient | Self::Busy | Self::Coming => true,
            Self::Doubtful => tries < TRIES_IN_DOUBT,
            Self::UntilChange | Self::Unsupported => false,
        }
    }

    /// Whether so many tries that did not succeed are no failure yet.
    pub fn is_patient(self, tries: u8) -> bool {
        match self {
            Self::Busy | Self::Coming => true,
            Self::Transient => tries < TRIES_IN_DISTRESS,
            Self::Doubtful => tries < TRIES_IN_DOUBT,
            Self::UntilChange | Self::Unsupported => false,
        }
    }
}

/// With the back-off between them 1.5 seconds: a reset of i40e or ice takes 0.3 to 0.8.
const TRIES_IN_DOUBT: u8 = 5;
/// With the back-off between them 12.7 seconds.
const TRIES_IN_DISTRESS: u8 = 8;

impl Step {
    /// The VF that the step is about; PF-wide steps have none.
    pub fn vf(&self) -> Option<VfIndex> {
        match self {
            Self::SetVf { vf, .. } | Self::Bind { vf, .. } | Self::SetVfMtu { vf, .. } => Some(*vf),
            Self::SetAutoprobe { .. }
            | Self::SetNumVfs { .. }
            | Self::SetPfUp { .. }
            | Self::SetPfDown { .. }
            | Self::SetPfMtu { .. } => None,
        }
    }

    /// The name of its kind, as the journal field `SRIOV_ACTION=` shows it.
    pub fn kind(&self) -> &'static str {
        self.facts().word
    }

    /// Whether it takes VFs away from their holders.
    pub fn is_disruptive(&self) -> bool {
        self.facts().disturbs
    }

    /// What it changes, without the name of the VF.
    pub fn change(&self) -> String {
        match self {
            Self::SetAutoprobe { on: true } => "sriov_drivers_autoprobe on".to_owned(),
            Self::SetAutoprobe { on: false } => "sriov_drivers_autoprobe off".to_owned(),
            Self::SetNumVfs { from, to } => format!("numvfs {from} -> {to}"),
            Self::SetPfUp { .. } => "PF up".to_owned(),
            Self::SetPfDown { .. } => "PF down".to_owned(),
            Self::SetPfMtu { mtu, .. } => format!("PF mtu {mtu}"),
            Self::SetVf { setting, .. } => setting.to_string(),
            Self::Bind { to, .. } => match to {
                BindTarget::Default => "driver default".to_owned(),
                BindTarget::Driver(driver) => format!("driver {driver}"),
            },
            Self::SetVfMtu { mtu, .. } => format!("mtu {mtu}"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(vf) = self.vf() {
            write!(f, "VF {vf} ")?;
        }
        f.write_str(&self.change())
    }
}
