//! What devlink knows of a device: the mode of its switch (include/uapi/linux/devlink.h).

mod params;

use super::attributes::find;
use super::error::{Malformed, NetlinkError};
use super::generic::{GenericFamily, Kept, with_kept};
use super::request::text;
use netlink_packet_core::DefaultNla;
use sriovd_core::model::{Errno, EswitchMode, PciAddress};

pub use params::{params, reload, set_param};

const CMD_ESWITCH_GET: u8 = 29;
const CMD_ESWITCH_SET: u8 = 30;
const ATTR_BUS_NAME: u16 = 1;
const ATTR_DEV_NAME: u16 = 2;
const ATTR_ESWITCH_MODE: u16 = 25;
const MODE_LEGACY: u16 = 0;
const MODE_SWITCHDEV: u16 = 1;
/// Of Linux 6.18: the representors are there, and no traffic goes by them yet.
const MODE_SWITCHDEV_INACTIVE: u16 = 2;

/// By which devlink knows a device, as `BUS/DEVICE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DevlinkHandle {
    /// The bus, such as `pci`.
    pub bus: String,
    /// The name of the device on it.
    pub device: String,
}

impl From<PciAddress> for DevlinkHandle {
    fn from(address: PciAddress) -> Self {
        Self {
            bus: "pci".to_owned(),
            device: address.to_string(),
        }
    }
}

impl DevlinkHandle {
    fn attributes(&self) -> Vec<DefaultNla> {
        vec![
            text(ATTR_BUS_NAME, &self.bus),
            text(ATTR_DEV_NAME, &self.device),
        ]
    }
}

/// The mode of the device's switch; `None` where devlink knows no such device, or its driver has no such mode.
///
/// # Errors
/// The kernel's: EPERM to a caller without CAP_NET_ADMIN, whatever there is.
pub fn eswitch_mode(device: &DevlinkHandle) -> Result<Option<EswitchMode>, NetlinkError> {
    with_family(|family| {
        let Some(family) = family else {
            return Ok(None);
        };
        let mut mode = None;
        let answer = family.get(CMD_ESWITCH_GET, &device.attributes(), |body| {
            mode = Some(mode_in(body)?);
            Ok(())
        });
        mode_or_none(answer.map(|()| mode))
    })
}

/// Sets the mode of the device's switch, which the kernel has done when this returns.
///
/// # Errors
/// The kernel's.
pub fn set_eswitch_mode(device: &DevlinkHandle, mode: EswitchMode) -> Result<(), NetlinkError> {
    with_family(|family| {
        let family = family.ok_or(NetlinkError::from(Errno::OPNOTSUPP))?;
        let mut attributes = device.attributes();
        let mode = match mode {
            EswitchMode::Legacy => MODE_LEGACY,
            EswitchMode::Switchdev => MODE_SWITCHDEV,
        };
        let mode = DefaultNla::new(ATTR_ESWITCH_MODE, mode.to_ne_bytes().to_vec());
        attributes.push(mode);
        family.change(CMD_ESWITCH_SET, &attributes)
    })
}

fn mode_or_none(
    answer: Result<Option<EswitchMode>, NetlinkError>,
) -> Result<Option<EswitchMode>, NetlinkError> {
    answer.or_else(|error| match is_none(error.errno()) {
        true => Ok(None),
        false => Err(error),
    })
}

/// What is answered of a device without a devlink instance, or whose driver has not what is asked for.
fn is_none(answer: Option<Errno>) -> bool {
    matches!(answer, Some(Errno::NODEV | Errno::OPNOTSUPP))
}

fn mode_in(body: &[u8]) -> Result<EswitchMode, Malformed> {
    let mode = find(body, ATTR_ESWITCH_MODE);
    let mode =
        mode.and_then(|mode| Some(u16::from_ne_bytes(mode.value.get(..2)?.try_into().ok()?)));
    match mode {
        Some(MODE_LEGACY) => Ok(EswitchMode::Legacy),
        Some(MODE_SWITCHDEV | MODE_SWITCHDEV_INACTIVE) => Ok(EswitchMode::Switchdev),
        _ => Err(Malformed("the mode of an eSwitch")),
    }
}

fn with_family<T>(
    work: impl FnOnce(Option<&mut GenericFamily>) -> Result<T, NetlinkError>,
) -> Result<T, NetlinkError> {
    thread_local! {
        static KEPT: Kept = const { Kept::new(None) };
    }
    with_kept(&KEPT, "devlink", work)
}

#[cfg(test)]
mod tests;
