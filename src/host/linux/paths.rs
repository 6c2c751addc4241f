//! Where PCI functions are in sysfs.

use crate::sysfs::Tree;
use sriovd_core::host::HostError;
use sriovd_core::model::{Errno, PciAddress, VfIndex};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub(super) const PCI_DEVICES: &str = "/sys/bus/pci/devices";

pub(super) fn device(address: PciAddress) -> PathBuf {
    Path::new(PCI_DEVICES).join(address.to_string())
}

/// Whether this PCI function is on the bus. That it is not is believed only of a bus that can be listed: where its
/// directory is not there, as without sysfs, nothing is known of any device.
pub(super) fn is_on_bus(tree: &Tree, function: PciAddress) -> Result<bool, HostError> {
    if tree.exists(device(function))? {
        return Ok(true);
    }
    let names = tree.list(PCI_DEVICES).map_err(|error| match error {
        HostError::Gone { what } => HostError::Unread {
            what: format!("listing {what}"),
            errno: Errno::NOENT,
        },
        error => error,
    })?;
    let function = function.to_string();
    Ok(names.iter().any(|name| name == function.as_str()))
}

/// The link from a PF to a VF of it.
pub(super) fn virtfn(pf: &Path, vf: VfIndex) -> PathBuf {
    pf.join(format!("virtfn{vf}"))
}

/// The VFs that exist, by their links: unlike reading `sriov_numvfs`, this never waits for a
/// change of their number to end.
pub(super) fn vf_indexes(tree: &Tree, pf: &Path) -> Result<BTreeSet<VfIndex>, HostError> {
    let names = tree.list(pf)?;
    let index = |name: &str| name.strip_prefix("virtfn")?.parse().ok().map(VfIndex);
    Ok(names
        .iter()
        .filter_map(|name| index(name.to_str()?))
        .collect())
}
