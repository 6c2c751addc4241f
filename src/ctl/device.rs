//! A device that can have VFs, as several commands tell of it.

use super::scene::Scene;
use schemars::JsonSchema;
use serde::Serialize;
use sriovd_core::model::{PciAddress, PciId, PfInterface, PfSnapshot};
use sriovd_core::report::PfState;
use sriovd_host::linux::OtherDevice;

#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Device {
    pub(super) address: PciAddress,
    pub(super) vendor: PciId,
    pub(super) device: PciId,
    pub(super) vendor_name: Option<String>,
    pub(super) model_name: Option<String>,
    pub(super) driver: Option<String>,
    pub(super) numa_node: Option<u16>,
    pub(super) num_vfs: u16,
    pub(super) total_vfs: u16,
}

/// One that is a network device.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Nic {
    #[serde(flatten)]
    pub(super) device: Device,
    pub(super) interface: Option<String>,
    /// Mbit/s.
    pub(super) speed: Option<u32>,
    pub(super) link: Option<Link>,
    pub(super) state: PfState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Link {
    Down,
    NoCarrier,
    Up,
}

impl Device {
    /// With the names of vendor and model, as far as the system knows them.
    pub(super) fn model(&self) -> String {
        let ids = format!("[{}:{}]", self.vendor, self.device);
        let names = [&self.vendor_name, &self.model_name];
        let names = names.into_iter().flatten().map(String::as_str);
        names.chain([ids.as_str()]).collect::<Vec<_>>().join(" ")
    }
}

impl From<&PfSnapshot> for Device {
    fn from(pf: &PfSnapshot) -> Self {
        Self {
            address: pf.address,
            vendor: pf.vendor,
            device: pf.device,
            vendor_name: pf.vendor_name.clone(),
            model_name: pf.model_name.clone(),
            driver: pf.driver.as_ref().map(ToString::to_string),
            numa_node: pf.numa_node,
            num_vfs: pf.num_vfs,
            total_vfs: pf.total_vfs,
        }
    }
}

impl From<&OtherDevice> for Device {
    fn from(other: &OtherDevice) -> Self {
        Self {
            address: other.address,
            vendor: other.vendor,
            device: other.device,
            vendor_name: other.vendor_name.clone(),
            model_name: other.model_name.clone(),
            driver: other.driver.as_ref().map(ToString::to_string),
            numa_node: other.numa_node,
            num_vfs: other.num_vfs,
            total_vfs: other.total_vfs,
        }
    }
}

impl Nic {
    pub(super) fn of(scene: &Scene, pf: &PfSnapshot) -> Self {
        let interface = pf.interface.as_ref();
        Self {
            device: pf.into(),
            interface: interface.map(|it| it.name.to_string()),
            speed: interface.and_then(|it| it.speed),
            link: interface.map(Link::of),
            state: scene.state(pf.address),
        }
    }
}

impl Link {
    fn of(interface: &PfInterface) -> Self {
        match (interface.up, interface.carrier) {
            (false, _) => Self::Down,
            (true, false) => Self::NoCarrier,
            (true, true) => Self::Up,
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::NoCarrier => "no-carrier",
            Self::Up => "up",
        }
    }
}

/// As it is printed on the NIC's box.
pub(super) fn speed(mbits: u32) -> String {
    match (mbits / 1000, mbits % 1000) {
        (0, _) => format!("{mbits}M"),
        (gbits, 0) => format!("{gbits}G"),
        (gbits, 500) => format!("{gbits}.5G"),
        _ => format!("{mbits}M"),
    }
}

#[cfg(test)]
mod tests;
