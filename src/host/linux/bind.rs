//! Giving a VF another driver.

use super::paths::device;
use super::udev;
use crate::sysfs::{Tree, if_present};
use sriovd_core::host::HostError;
use sriovd_core::model::{BindTarget, Binding, DriverName, Errno, PciAddress, VfIndex};
use std::path::Path;

/// What does not succeed changes nothing: the VF has its former driver again. `seen`: nothing is done
/// where it is not so any more.
pub(super) fn bind(
    tree: &Tree,
    vf: VfIndex,
    address: PciAddress,
    from: Option<&DriverName>,
    to: &BindTarget,
    seen: Option<&Binding>,
) -> Result<(), HostError> {
    let device = device(address);
    let before = binding(tree, &device)?;
    if seen.is_some_and(|seen| *seen != before) {
        return Err(HostError::Rebound {
            what: format!("VF {vf} ({address})"),
        });
    }
    let bound = try_to_bind(tree, vf, address, from, to);
    // A driver that udev has still to load binds the VF itself then.
    let is_waiting = matches!(bound, Err(HostError::DriverComing { .. }));
    if bound.is_err() && !is_waiting {
        // The first error is told: one of these follows from it, or from a device that is gone.
        let wanted = wanted(to);
        drop(restore(tree, address, &before, wanted));
    }
    bound
}

/// As it was, unless somebody else has a say in it by now.
fn restore(
    tree: &Tree,
    address: PciAddress,
    before: &Binding,
    ours: Option<&DriverName>,
) -> Result<(), HostError> {
    let device = device(address);
    let is = binding(tree, &device)?;
    if is.driver_override.as_ref() != ours {
        return Ok(());
    }
    if is.driver_override != before.driver_override {
        let text = before.driver_override.as_ref();
        let text = text.map_or("\n", DriverName::as_str);
        tree.write(device.join("driver_override"), text)?;
    }
    if let (None, Some(driver)) = (&is.driver, &before.driver)
        && !has_driver_without_link(tree, &device)?
    {
        let bind = format!("/sys/bus/pci/drivers/{driver}/bind");
        tree.write(bind, &address.to_string())?;
    }
    Ok(())
}

fn binding(tree: &Tree, device: &Path) -> Result<Binding, HostError> {
    Ok(Binding {
        driver: if_present(tree.link_as(device.join("driver")))?,
        driver_override: driver_override(tree, device)?,
    })
}

pub(super) fn driver_override(tree: &Tree, device: &Path) -> Result<Option<DriverName>, HostError> {
    // "(null)" is none, and no driver has such a name either.
    Ok(tree.read(device.join("driver_override"))?.parse().ok())
}

fn wanted(to: &BindTarget) -> Option<&DriverName> {
    match to {
        BindTarget::Default => None,
        BindTarget::Driver(driver) => Some(driver),
    }
}

/// The override comes first: without one, `drivers_probe` does nothing while the PF's autoprobe is
/// off.
fn try_to_bind(
    tree: &Tree,
    vf: VfIndex,
    address: PciAddress,
    from: Option<&DriverName>,
    to: &BindTarget,
) -> Result<(), HostError> {
    let device = device(address);
    let function = || format!("VF {vf} ({address})");
    let wanted = wanted(to);
    let what = match wanted {
        None => "binding it to its default driver".to_owned(),
        Some(driver) => format!("binding it to {driver}"),
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
    let driver = || -> Result<Option<DriverName>, HostError> {
        if_present(tree.link_as(device.join("driver")))
    };
    let bound = driver()?;
    if bound.is_some() && bound.as_ref() != from {
        return Err(HostError::Rebound { what: function() });
    }
    if bound.is_none() && has_driver_without_link(tree, &device)? {
        return Err(HostError::Rebinding { what: function() });
    }
    tree.write(
        device.join("driver_override"),
        wanted.map_or("\n", DriverName::as_str),
    )?;
    if bound.is_some() {
        let unbound = if_present(tree.write(device.join("driver/unbind"), &address.to_string()))?;
        if unbound.is_none() && has_driver_without_link(tree, &device)? {
            return Err(HostError::Rebinding { what: function() });
        }
    }
    let probed = tree.write("/sys/bus/pci/drivers_probe", &address.to_string());
    if if_present(probed)?.is_none() {
        return Err(HostError::Gone { what: function() });
    }
    // Success above means only that drivers were asked.
    let bound = driver()?;
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
        (None, None) if udev::is_at_work_on(tree, &format!("+pci:{address}"))? => {
            return Err(HostError::DriverComing { what: function() });
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

/// The link goes first when a driver is unbound, and the driver last; when one is bound, the driver
/// comes first. Until then `drivers_probe` does nothing and says that all is well
/// (`__device_release_driver` and `really_probe`, drivers/base/dd.c).
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
