//! Devices that can have VFs and are none of ours: disks, GPUs, accelerators.

use super::paths::{PCI_DEVICES, device, vf_indexes};
use super::{LinuxHost, udev};
use crate::sysfs::{Tree, if_present};
use sriovd_core::host::HostError;
use sriovd_core::model::{DriverName, PciAddress, PciId};

/// A PCI device that offers VFs and is not a network device. sriovd only shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherDevice {
    /// The PCI address.
    pub address: PciAddress,
    /// Six hexadecimal digits: class, subclass, programming interface.
    pub class: String,
    /// The PCI vendor id.
    pub vendor: PciId,
    /// The PCI device id.
    pub device: PciId,
    /// The vendor's name in udev's hardware database, where it is there.
    pub vendor_name: Option<String>,
    /// The model's name in the same database.
    pub model_name: Option<String>,
    /// The driver that is bound to it.
    pub driver: Option<DriverName>,
    /// Its NUMA node, where the firmware names one.
    pub numa_node: Option<u16>,
    /// `sriov_totalvfs`: VFs that it offers.
    pub total_vfs: u16,
    /// VFs that exist.
    pub num_vfs: u16,
}

impl LinuxHost {
    /// In order of address. What cannot be read of them is left out: nothing depends on it.
    pub fn other_devices(&self) -> Result<Vec<OtherDevice>, HostError> {
        others(&self.tree)
    }
}

fn others(tree: &Tree) -> Result<Vec<OtherDevice>, HostError> {
    let names = tree.list(PCI_DEVICES)?;
    let addresses = names.iter().filter_map(|name| name.to_str()?.parse().ok());
    let mut others: Vec<_> = addresses.filter_map(|at| other(tree, at)).collect();
    others.sort_unstable_by_key(|other| other.address);
    Ok(others)
}

fn other(tree: &Tree, address: PciAddress) -> Option<OtherDevice> {
    let device = device(address);
    // Most devices have none: look for that first.
    let total_vfs = tree.read_as(device.join("sriov_totalvfs")).ok()?;
    let class = tree.read(device.join("class")).ok()?;
    let class = class.strip_prefix("0x").unwrap_or(&class).to_owned();
    if class.starts_with("02") {
        return None;
    }
    let record = udev::record(tree, &format!("+pci:{address}")).ok()?;
    let numa_node = tree.read_as(device.join("numa_node")).ok();
    Some(OtherDevice {
        address,
        class,
        vendor: tree.read_as(device.join("vendor")).ok()?,
        device: tree.read_as(device.join("device")).ok()?,
        vendor_name: udev::property(&record, "ID_VENDOR_FROM_DATABASE"),
        model_name: udev::property(&record, "ID_MODEL_FROM_DATABASE"),
        driver: if_present(tree.link_as(device.join("driver"))).ok()?,
        numa_node: numa_node.and_then(|node: i32| u16::try_from(node).ok()),
        total_vfs,
        num_vfs: u16::try_from(vf_indexes(tree, &device).ok()?.len()).unwrap_or(u16::MAX),
    })
}

#[cfg(test)]
mod tests;
