//! Giving a VF another driver.

use super::{Tree, device, if_present};
use crate::host::HostError;
use crate::model::{BindTarget, DriverName, PciAddress, VfIndex};
use rustix::io::Errno;
use std::path::Path;

/// The override comes first: without one, `drivers_probe` does nothing while the PF's autoprobe is
/// off.
pub(super) fn bind(
    tree: &Tree,
    vf: VfIndex,
    address: PciAddress,
    to: &BindTarget,
) -> Result<(), HostError> {
    let device = device(address);
    let (what, wanted) = match to {
        BindTarget::Default => ("binding it to its default driver".to_owned(), None),
        BindTarget::Driver(driver) => (format!("binding it to {driver}"), Some(driver)),
    };
    // Known to fail, so the VF had better keep what it has.
    if let Some(driver) = wanted
        && !tree.exists(format!("/sys/bus/pci/drivers/{driver}"))?
    {
        return Err(HostError::Kernel {
            what,
            errno: Errno::NODEV,
            detail: Some(format!("driver {driver} is not loaded: modprobe {driver}")),
        });
    }
    tree.write(
        device.join("driver_override"),
        wanted.map_or("\n", DriverName::as_str),
    )?;
    let unbound = if_present(tree.write(device.join("driver/unbind"), &address.to_string()))?;
    if unbound.is_none() && has_driver_without_link(tree, &device)? {
        return Err(HostError::Unbinding {
            what: format!("VF {vf} ({address})"),
        });
    }
    let probed = tree.write("/sys/bus/pci/drivers_probe", &address.to_string());
    if if_present(probed)?.is_none() {
        return Err(HostError::Gone {
            what: format!("VF {vf} ({address})"),
        });
    }
    // Success above means only that drivers were asked.
    let bound: Option<DriverName> = if_present(tree.link_as(device.join("driver")))?;
    let found = match (&bound, wanted) {
        (Some(_), None) => return Ok(()),
        (Some(bound), Some(wanted)) if bound == wanted => return Ok(()),
        (Some(bound), _) => format!("driver {bound} has it"),
        (None, Some(wanted)) if wanted.is_vfio() && !tree.exists(device.join("iommu_group"))? => {
            "the device has no IOMMU group: is the IOMMU on? (intel_iommu=on)".to_owned()
        }
        (None, None) if autoprobe_is_off(tree, &device)? => {
            "sriov_drivers_autoprobe of its PF is off".to_owned()
        }
        (None, _) => "no driver claimed it".to_owned(),
    };
    Err(HostError::NoEffect { what, found })
}

/// Takes the driver away and gives it back, whether VFs get drivers of themselves or not.
pub(super) fn rebind(tree: &Tree, address: PciAddress) -> Result<(), HostError> {
    let device = device(address);
    let driver: Option<DriverName> = if_present(tree.link_as(device.join("driver")))?;
    let Some(driver) = driver else {
        return Ok(());
    };
    let address = address.to_string();
    tree.write(device.join("driver/unbind"), &address)?;
    tree.write(format!("/sys/bus/pci/drivers/{driver}/bind"), &address)
}

/// The link goes first when a driver is unbound, the driver last; until then `drivers_probe` does
/// nothing and says that all is well (`__device_release_driver`).
fn has_driver_without_link(tree: &Tree, device: &Path) -> Result<bool, HostError> {
    let says_driver = |uevent: String| uevent.lines().any(|line| line.starts_with("DRIVER="));
    let uevent = if_present(tree.read(device.join("uevent")))?;
    Ok(uevent.is_some_and(says_driver) && !tree.exists(device.join("driver"))?)
}

fn autoprobe_is_off(tree: &Tree, device: &Path) -> Result<bool, HostError> {
    let autoprobe = if_present(tree.read(device.join("physfn/sriov_drivers_autoprobe")))?;
    Ok(autoprobe.is_some_and(|autoprobe| autoprobe == "0"))
}

#[cfg(test)]
mod tests;
