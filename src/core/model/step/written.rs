//! Steps in JSON. What is kept between versions and told by the API does not follow the types of the code.

use super::bind_target::BindTarget;
use crate::model::bridge::BridgeChange;
use crate::model::{
    DriverName, EswitchMode, InterfaceName, Mtu, ParamKind, ParamMode, ParamValue, PciAddress,
    VfIndex, VfSetting,
};
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
    SetPfTcOffload {
        /// `ifindex` of the PF's netdev.
        interface: u32,
        /// `hw-tc-offload` afterwards.
        on: bool,
    },
    /// A bridge of Open vSwitch and its ports, in one transaction of its database.
    SetBridge {
        /// What is done to it.
        bridge: Box<BridgeChange>,
    },
    /// A bridge of Open vSwitch that sriovd made for the PF, with its ports.
    RemoveBridge {
        /// Its name.
        bridge: InterfaceName,
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
