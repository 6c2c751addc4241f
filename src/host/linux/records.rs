//! What is written down of who has a VF: by container plugins, the SR-IOV one and ours, and for kubelet.

use super::lock::PLUGIN_STATE;
use super::paths::device;
use crate::file;
use crate::sysfs::{Tree, if_present};
use sriovd_core::host::HostError;
use sriovd_core::model::allocation::ALLOCATIONS;
use sriovd_core::model::kubelet::{KUBELET, KUBELET_HOLDS};
use sriovd_core::model::{Allocation, Errno, Holder, KubeletRecord, PciAddress};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Who a container plugin allocated the VF to.
pub(super) fn by_plugin(tree: &Tree, vf: PciAddress) -> Result<Option<Holder>, HostError> {
    match own_allocation(tree, vf)? {
        None => cni_allocation(tree, vf),
        own => Ok(own),
    }
}

/// Whether its container still lives is for those to say who collect the records of dead ones.
pub(super) fn own_allocation(tree: &Tree, vf: PciAddress) -> Result<Option<Holder>, HostError> {
    let path = Path::new(ALLOCATIONS).join(vf.to_string());
    let record = if_present(tree.read(&path))?;
    Ok(record.map(|text| match Allocation::parse(&text) {
        Some(allocation) => allocation.holder(),
        None => Holder::Container {
            container: format!("of the record {}, which is not understood", path.display()),
            network: "unknown".to_owned(),
        },
    }))
}

pub(super) fn cni_allocation(tree: &Tree, vf: PciAddress) -> Result<Option<Holder>, HostError> {
    let record = if_present(tree.read(Path::new(PLUGIN_STATE).join(vf.to_string())))?;
    // Old versions of the plugin make an empty one to lock it.
    let Some(netns) = record.filter(|netns| Path::new(netns).is_absolute()) else {
        return Ok(None);
    };
    Ok(is_there(tree, &netns)?.then_some(Holder::CniAllocation { netns }))
}

/// Other users' processes are hidden from the daemon: what it may not see counts as there.
fn is_there(tree: &Tree, path: &str) -> Result<bool, HostError> {
    match tree.has_entry(path) {
        Ok(false) => Ok(Path::new(path).starts_with("/proc") && !tree.exists("/proc/1")?),
        Err(HostError::Unread {
            errno: Errno::ACCESS | Errno::PERM,
            ..
        }) => Ok(true),
        found => found,
    }
}

/// Who kubelet allocated a VF to. A record of a VF that was there before this one holds nothing.
pub(super) fn kubelet_allocation(tree: &Tree, vf: PciAddress) -> Result<Option<Holder>, HostError> {
    let path = Path::new(KUBELET).join(vf.to_string());
    let Some(text) = if_present(tree.read(&path))? else {
        return Ok(None);
    };
    let held = if_present(tree.read(Path::new(KUBELET_HOLDS).join(vf.to_string())))?;
    if held.is_none() || held != inode(tree, vf)? {
        return Ok(None);
    }
    let record = KubeletRecord::parse(&text);
    Ok(Some(record.map_or_else(
        || Holder::Kubelet {
            resource: format!("unknown: {} is not understood", path.display()),
            container: None,
        },
        KubeletRecord::holder,
    )))
}

/// Another one whenever a device comes.
pub(super) fn inode(tree: &Tree, function: PciAddress) -> Result<Option<String>, HostError> {
    let path = tree.path(device(function));
    match tree.access(&path).and_then(|()| fs::metadata(&path)) {
        Ok(found) => Ok(Some(found.ino().to_string())),
        Err(error) if file::is_absence(&error) => Ok(None),
        Err(error) => Err(HostError::Unread {
            what: format!("looking at {}", path.display()),
            errno: error.into(),
        }),
    }
}
