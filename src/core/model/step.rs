//! The smallest things that are done to a host: to a PF, or to one VF.

mod bind_target;
mod written;

use super::bridge::BridgeChange;
use super::{
    DriverName, EswitchMode, InterfaceName, Mtu, ParamKind, ParamMode, ParamValue, PciAddress,
    VfIndex, VfSetting,
};
pub use bind_target::BindTarget;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use written::Written;

/// The smallest thing that is done to a PF or a VF.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema, Serialize, Deserialize,
)]
#[serde(from = "Written", into = "Written")]
#[schemars(with = "Written")]
pub enum Step {
    /// To the PF, or to all its VFs.
    Pf(PfStep),
    /// To the VF with this index.
    Vf(VfIndex, VfStep),
}

/// What is done to a PF, or to all its VFs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PfStep {
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
    /// The mode of the NIC's own switch, through devlink. It is set while there are no VFs.
    SetEswitchMode {
        /// The mode before.
        from: EswitchMode,
        /// The mode afterwards.
        to: EswitchMode,
    },
    /// A parameter of the driver, through devlink.
    SetDevlinkParam {
        /// The name of the parameter.
        name: String,
        /// What the parameter takes.
        kind: ParamKind,
        /// When the value takes effect.
        mode: ParamMode,
        /// The value afterwards.
        to: ParamValue,
    },
    /// The driver starts the device anew, with the values of its parameters. It is done while there are no VFs.
    ReloadDevlink,
    /// Whether rules of tc on the PF's own netdev are given to the hardware.
    SetTcOffload {
        /// `ifindex` of the PF's netdev.
        interface: u32,
        /// `hw-tc-offload` afterwards.
        on: bool,
    },
    /// A bridge of Open vSwitch and its ports, in one transaction of its database.
    SetBridge(Box<BridgeChange>),
    /// A bridge of Open vSwitch that sriovd made for the PF, with its ports.
    RemoveBridge {
        /// Its name.
        name: InterfaceName,
    },
    /// The PF's administrative state up.
    SetUp {
        /// `ifindex` of the PF's netdev.
        interface: u32,
    },
    /// The PF's administrative state down.
    SetDown {
        /// `ifindex` of the PF's netdev.
        interface: u32,
    },
    /// The MTU of the PF's own netdev.
    SetMtu {
        /// `ifindex` of the PF's netdev.
        interface: u32,
        /// In bytes.
        mtu: Mtu,
    },
}

/// What is done to one VF.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VfStep {
    /// One attribute, through the PF.
    SetAttribute {
        /// `ifindex` of the PF's netdev.
        interface: u32,
        /// The attribute with its value.
        setting: VfSetting,
    },
    /// `driver_override` and `drivers_probe`, after the driver that was seen there is unbound.
    Bind {
        /// The PCI address of the VF.
        address: PciAddress,
        /// A first driver is another step than a second one: what came of the one says nothing of
        /// the other, and a driver that came meanwhile is not unbound.
        from: Option<DriverName>,
        /// The driver that the VF gets.
        to: BindTarget,
    },
    /// The administrative state of its representor up.
    SetRepresentorUp {
        /// `ifindex` of the representor.
        interface: u32,
    },
    /// The MTU of its representor.
    SetRepresentorMtu {
        /// `ifindex` of the representor.
        interface: u32,
        /// In bytes.
        mtu: Mtu,
    },
    /// Whether rules of tc on its representor are given to the hardware.
    SetRepresentorTcOffload {
        /// `ifindex` of the representor.
        interface: u32,
        /// `hw-tc-offload` afterwards.
        on: bool,
    },
    /// The MTU of the VF's own netdev.
    SetMtu {
        /// `ifindex` of the VF's netdev.
        interface: u32,
        /// In bytes.
        mtu: Mtu,
    },
}

impl Step {
    /// Whether it is in effect only when the driver has started the device anew.
    pub fn awaits_reload(&self) -> bool {
        let mode = ParamMode::Driverinit;
        matches!(self, Self::Pf(PfStep::SetDevlinkParam { mode: at, .. }) if *at == mode)
    }

    /// The VF that the step is about; PF-wide steps have none.
    pub fn vf(&self) -> Option<VfIndex> {
        match self {
            Self::Pf(_) => None,
            Self::Vf(vf, _) => Some(*vf),
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
            Self::Pf(step) => step.to_string(),
            Self::Vf(_, step) => step.to_string(),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pf(step) => step.fmt(f),
            Self::Vf(vf, step) => write!(f, "VF {vf} {step}"),
        }
    }
}

impl fmt::Display for PfStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SetAutoprobe { on: true } => f.write_str("sriov_drivers_autoprobe on"),
            Self::SetAutoprobe { on: false } => f.write_str("sriov_drivers_autoprobe off"),
            Self::SetNumVfs { from, to } => write!(f, "numvfs {from} -> {to}"),
            Self::SetEswitchMode { from, to } => write!(f, "eswitch mode {from} -> {to}"),
            Self::SetDevlinkParam { name, to, .. } => {
                write!(f, "devlink parameter {name} {to}")
            }
            Self::ReloadDevlink => f.write_str("devlink reload"),
            Self::SetTcOffload { on, .. } => write!(f, "PF hw-tc-offload {}", on_or_off(*on)),
            Self::SetBridge(change) => write!(f, "{change}"),
            Self::RemoveBridge { name } => write!(f, "bridge {name}: removed"),
            Self::SetUp { .. } => f.write_str("PF up"),
            Self::SetDown { .. } => f.write_str("PF down"),
            Self::SetMtu { mtu, .. } => write!(f, "PF mtu {mtu}"),
        }
    }
}

impl fmt::Display for VfStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SetAttribute { setting, .. } => setting.fmt(f),
            Self::Bind {
                to: BindTarget::Default,
                ..
            } => f.write_str("driver default"),
            Self::Bind {
                to: BindTarget::Driver(driver),
                ..
            } => write!(f, "driver {driver}"),
            Self::SetRepresentorUp { .. } => f.write_str("representor up"),
            Self::SetRepresentorTcOffload { on, .. } => {
                write!(f, "representor hw-tc-offload {}", on_or_off(*on))
            }
            Self::SetRepresentorMtu { mtu, .. } => write!(f, "representor mtu {mtu}"),
            Self::SetMtu { mtu, .. } => write!(f, "mtu {mtu}"),
        }
    }
}

fn on_or_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

impl From<Written> for Step {
    fn from(written: Written) -> Self {
        match written {
            Written::SetAutoprobe { on } => Self::Pf(PfStep::SetAutoprobe { on }),
            Written::SetNumVfs { from, to } => Self::Pf(PfStep::SetNumVfs { from, to }),
            Written::SetEswitchMode { from, to } => Self::Pf(PfStep::SetEswitchMode { from, to }),
            Written::SetBridge { bridge } => Self::Pf(PfStep::SetBridge(bridge)),
            Written::RemoveBridge { bridge } => Self::Pf(PfStep::RemoveBridge { name: bridge }),
            Written::SetPfUp { interface } => Self::Pf(PfStep::SetUp { interface }),
            Written::SetPfDown { interface } => Self::Pf(PfStep::SetDown { interface }),
            Written::SetPfMtu { interface, mtu } => Self::Pf(PfStep::SetMtu { interface, mtu }),
            Written::SetVf {
                interface,
                vf,
                setting,
            } => Self::Vf(vf, VfStep::SetAttribute { interface, setting }),
            Written::Bind {
                vf,
                address,
                from,
                to,
            } => Self::Vf(vf, VfStep::Bind { address, from, to }),
            Written::SetRepresentorUp { vf, interface } => {
                Self::Vf(vf, VfStep::SetRepresentorUp { interface })
            }
            Written::SetDevlinkParam {
                name,
                kind,
                mode,
                to,
            } => Self::Pf(PfStep::SetDevlinkParam {
                name,
                kind,
                mode,
                to,
            }),
            Written::ReloadDevlink => Self::Pf(PfStep::ReloadDevlink),
            Written::SetPfTcOffload { interface, on } => {
                Self::Pf(PfStep::SetTcOffload { interface, on })
            }
            Written::SetRepresentorTcOffload { vf, interface, on } => {
                Self::Vf(vf, VfStep::SetRepresentorTcOffload { interface, on })
            }
            Written::SetRepresentorMtu { vf, interface, mtu } => {
                Self::Vf(vf, VfStep::SetRepresentorMtu { interface, mtu })
            }
            Written::SetVfMtu { vf, interface, mtu } => {
                Self::Vf(vf, VfStep::SetMtu { interface, mtu })
            }
        }
    }
}

impl From<Step> for Written {
    fn from(step: Step) -> Self {
        match step {
            Step::Pf(PfStep::SetAutoprobe { on }) => Self::SetAutoprobe { on },
            Step::Pf(PfStep::SetNumVfs { from, to }) => Self::SetNumVfs { from, to },
            Step::Pf(PfStep::SetEswitchMode { from, to }) => Self::SetEswitchMode { from, to },
            Step::Pf(PfStep::SetBridge(bridge)) => Self::SetBridge { bridge },
            Step::Pf(PfStep::RemoveBridge { name }) => Self::RemoveBridge { bridge: name },
            Step::Pf(PfStep::SetUp { interface }) => Self::SetPfUp { interface },
            Step::Pf(PfStep::SetDown { interface }) => Self::SetPfDown { interface },
            Step::Pf(PfStep::SetMtu { interface, mtu }) => Self::SetPfMtu { interface, mtu },
            Step::Vf(vf, VfStep::SetAttribute { interface, setting }) => Self::SetVf {
                interface,
                vf,
                setting,
            },
            Step::Vf(vf, VfStep::Bind { address, from, to }) => Self::Bind {
                vf,
                address,
                from,
                to,
            },
            Step::Vf(vf, VfStep::SetRepresentorUp { interface }) => {
                Self::SetRepresentorUp { vf, interface }
            }
            Step::Pf(PfStep::SetDevlinkParam {
                name,
                kind,
                mode,
                to,
            }) => Self::SetDevlinkParam {
                name,
                kind,
                mode,
                to,
            },
            Step::Pf(PfStep::ReloadDevlink) => Self::ReloadDevlink,
            Step::Pf(PfStep::SetTcOffload { interface, on }) => {
                Self::SetPfTcOffload { interface, on }
            }
            Step::Vf(vf, VfStep::SetRepresentorTcOffload { interface, on }) => {
                Self::SetRepresentorTcOffload { vf, interface, on }
            }
            Step::Vf(vf, VfStep::SetRepresentorMtu { interface, mtu }) => {
                Self::SetRepresentorMtu { vf, interface, mtu }
            }
            Step::Vf(vf, VfStep::SetMtu { interface, mtu }) => {
                Self::SetVfMtu { vf, interface, mtu }
            }
        }
    }
}

#[cfg(test)]
mod tests;
