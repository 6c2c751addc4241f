//! Steps in JSON. What is kept between versions and told by the API does not follow the types of the code.

use super::{BindTarget, PfStep, Step, VfStep};
use crate::model::{DriverName, EswitchMode, Mtu, PciAddress, VfIndex, VfSetting};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A step as it is written down and told: one flat object, whatever it is done to.
#[derive(JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "step")]
#[schemars(rename = "Step")]
pub(super) enum Written {
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
    /// Whether rules of tc on the PF's own netdev are given to the hardware.
    SetPfTcOffload {
        /// `ifindex` of the PF's netdev.
        interface: u32,
        /// `hw-tc-offload` afterwards.
        on: bool,
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
    /// The administrative state of a VF's representor up.
    SetRepresentorUp {
        /// The index of the VF on the PF.
        vf: VfIndex,
        /// `ifindex` of the representor.
        interface: u32,
    },
    /// Whether rules of tc on a VF's representor are given to the hardware.
    SetRepresentorTcOffload {
        /// The index of the VF on the PF.
        vf: VfIndex,
        /// `ifindex` of the representor.
        interface: u32,
        /// `hw-tc-offload` afterwards.
        on: bool,
    },
    /// The MTU of a VF's representor.
    SetRepresentorMtu {
        /// The index of the VF on the PF.
        vf: VfIndex,
        /// `ifindex` of the representor.
        interface: u32,
        /// In bytes.
        mtu: Mtu,
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

impl From<Written> for Step {
    fn from(written: Written) -> Self {
        match written {
            Written::SetAutoprobe { on } => Self::Pf(PfStep::SetAutoprobe { on }),
            Written::SetNumVfs { from, to } => Self::Pf(PfStep::SetNumVfs { from, to }),
            Written::SetEswitchMode { from, to } => Self::Pf(PfStep::SetEswitchMode { from, to }),
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
