//! Whether a program has a VF open that a user-space driver keeps for it.

use super::paths::device;
use crate::sysfs::{Tree, if_present};
use sriovd_core::host::HostError;
use sriovd_core::model::{DriverName, Errno, Holder, VfSnapshot};

pub(super) fn holder(
    tree: &Tree,
    vf: &VfSnapshot,
    driver: &DriverName,
) -> Result<Option<Holder>, HostError> {
    if driver.is_uio() {
        return uio(tree, vf, driver);
    }
    // Enabled while somebody has it open: vfio drivers leave it disabled until then.
    let enabled = if_present(tree.read(device(vf.address).join("enable")))?;
    let open = enabled.is_some_and(|enabled| enabled == "1");
    Ok(match group(vf) {
        _ if !open => None,
        Some(group) => Some(Holder::VfioGroup { group }),
        None => Some(Holder::UserspaceDevice),
    })
}

fn group(vf: &VfSnapshot) -> Option<u32> {
    let on_vfio = vf.driver.as_ref().is_some_and(DriverName::is_vfio);
    vf.iommu_group.filter(|_| on_vfio)
}

/// Of a VF of which no file tells that it is open: whether its group is.
pub(super) fn open_group(tree: &Tree, vf: &VfSnapshot) -> Result<Option<Holder>, HostError> {
    match group(vf) {
        Some(group) if group_is_open(tree, group)? => Ok(Some(Holder::VfioGroup { group })),
        _ => Ok(None),
    }
}

/// A group can be open without any of its devices. It takes one opener, and this one may come in
/// the way of another: so only before something is done to the VF, and after every other sign. For
/// reading only, so that our own closing does not look like a user's to who watches for writers.
fn group_is_open(tree: &Tree, group: u32) -> Result<bool, HostError> {
    match if_present(tree.open(format!("/dev/vfio/{group}"))) {
        Err(HostError::Unread {
            errno: Errno::BUSY, ..
        }) => Ok(true),
        // It has no device that VFIO drives (any more).
        Err(HostError::Unread {
            errno: Errno::NODEV | Errno::NXIO,
            ..
        }) => Ok(false),
        opened => opened.map(|_| false),
    }
}

/// These enable a device when they are bound. Whoever opens one of their devices holds the module
/// (`uio_open`), which is counted for all of them together.
fn uio(tree: &Tree, vf: &VfSnapshot, driver: &DriverName) -> Result<Option<Holder>, HostError> {
    let module = driver.as_str().replace('-', "_");
    let module = format!("/sys/module/{module}/refcnt");
    // None where it is built into the kernel.
    let open: Option<u32> = if_present(tree.read_as(module))?;
    if open == Some(0) {
        return Ok(None);
    }
    let names = if_present(tree.list(device(vf.address).join("uio")))?.unwrap_or_default();
    let name = names
        .first()
        .map(|name| name.to_string_lossy().into_owned());
    // Without such a device nobody can have it open.
    Ok(name.map(|device| Holder::UioDevice { device }))
}

#[cfg(test)]
mod tests;
