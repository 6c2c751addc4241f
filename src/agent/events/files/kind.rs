//! What is watched of a directory, and what an event in it says.

use crate::events::{Cause, Neighbour, Scope, Trigger};
use inotify::{EventMask, WatchMask};
use sriovd_core::model::PciAddress;
use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// The name of the settings file.
const SETTINGS: &str = "sriovd.toml";

/// So long nothing is heard while a directory is looked up: what is heard then finds its watch.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Policies,
    /// Where the settings file lies.
    Settings,
    /// `/dev/vfio`: one character device per group.
    VfioGroups,
    /// `/dev/vfio/devices`: those that are opened without a group.
    VfioDevices,
    /// Records of VFs that are allocated, sriov-cni's, ours and those of kubelet, named by the VF's PCI address.
    Allocations,
    /// Where outputs of ours lie beside other files.
    Outputs,
    /// That it is there, or not, matters; what is in it does not.
    Landmark,
}

/// What is told of an event.
pub(super) enum Heard {
    Trigger(Trigger),
    Neighbour(Neighbour),
}

impl Kind {
    pub(super) fn mask(self) -> WatchMask {
        match self {
            Self::Policies | Self::Settings => {
                WatchMask::CLOSE_WRITE
                    | WatchMask::CREATE
                    | WatchMask::DELETE
                    | WatchMask::MOVE
                    | WatchMask::ATTRIB
            }
            // Whoever uses a device opens it for writing; our own look at a group does not.
            Self::VfioGroups | Self::VfioDevices => WatchMask::CLOSE_WRITE,
            Self::Allocations => WatchMask::CLOSE_WRITE | WatchMask::DELETE | WatchMask::MOVE,
            Self::Outputs => {
                WatchMask::CLOSE_WRITE | WatchMask::CREATE | WatchMask::DELETE | WatchMask::MOVE
            }
            Self::Landmark => WatchMask::DELETE_SELF,
        }
    }

    /// Of what in the directory alone matters, the name.
    pub(super) fn file(self) -> Option<&'static str> {
        (self == Self::Settings).then_some(SETTINGS)
    }

    /// Whether the file that alone matters is another now. Without a name the event is of the file itself.
    pub(super) async fn concerns_file(
        file: Option<&OsStr>,
        directory: &Path,
        name: Option<&OsStr>,
        mask: EventMask,
    ) -> bool {
        match (file, name) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(file), Some(name)) => file == name && is_finished(directory, name, mask).await,
        }
    }

    /// What an event in the directory says.
    pub(super) async fn heard(
        self,
        directory: &Path,
        name: Option<&OsStr>,
        mask: EventMask,
    ) -> Option<Heard> {
        // The watch may serve others too, who asked for more.
        if mask.bits() & self.mask().bits() == 0 {
            return None;
        }
        let text = name.and_then(OsStr::to_str);
        let (scope, cause) = match self {
            Self::Policies => is_policy_change(directory, name, mask)
                .await
                .then_some((Scope::Policies, Cause::PolicyFiles))?,
            Self::VfioGroups => {
                let group = text?.parse().ok()?;
                (Scope::VfioGroup(group), Cause::VfioClosed { group })
            }
            Self::VfioDevices => {
                let device = text?.to_owned();
                (Scope::VfioDevice, Cause::VfioDeviceClosed { device })
            }
            Self::Allocations => {
                let vf: PciAddress = text?.parse().ok()?;
                (Scope::Device(vf), Cause::Allocation { vf })
            }
            Self::Outputs => {
                let name = name?;
                // Whoever has just made a file is still to write it, and then closes it.
                let is_whole = is_whole(directory, name, mask, |found| found.len() != 0).await;
                return is_whole.then(|| Heard::Neighbour(Neighbour::Entry(name.to_owned())));
            }
            Self::Settings | Self::Landmark => return None,
        };
        Some(Heard::Trigger(Trigger { scope, cause }))
    }

    /// What it says that the directory itself may have come or gone.
    pub(super) fn heard_on_the_way(self) -> Option<Heard> {
        match self {
            Self::Policies => Some(Heard::Trigger(Trigger {
                scope: Scope::Policies,
                cause: Cause::PolicyFiles,
            })),
            Self::Settings => Some(Heard::Trigger(Trigger {
                scope: Scope::Node,
                cause: Cause::Settings,
            })),
            Self::Outputs | Self::Landmark => Some(Heard::Neighbour(Neighbour::Directory)),
            Self::VfioGroups | Self::VfioDevices | Self::Allocations => None,
        }
    }
}

/// Of what has just been made that is looked up. What does not answer may be whole.
async fn is_whole(
    directory: &Path,
    name: &OsStr,
    mask: EventMask,
    is_so: impl FnOnce(&Metadata) -> bool,
) -> bool {
    if !mask.contains(EventMask::CREATE) {
        return true;
    }
    let path = directory.join(name);
    let looked = spawn_blocking(move || path.symlink_metadata());
    match timeout(PATIENCE, looked).await {
        Ok(Ok(found)) => found.is_ok_and(|found| is_so(&found)),
        _ => true,
    }
}

async fn is_policy_change(directory: &Path, name: Option<&OsStr>, mask: EventMask) -> bool {
    let Some(name) = name else {
        return mask.contains(EventMask::ATTRIB);
    };
    let text = name.to_string_lossy();
    // Kubernetes replaces a mounted ConfigMap by renaming the link `..data`.
    let policy = text == "..data" || (!text.starts_with('.') && text.ends_with(".toml"));
    policy && is_finished(directory, name, mask).await
}

/// A regular file that has just been made is still empty, and an empty file masks: its writer is still to close it. Links
/// are whole from the start.
async fn is_finished(directory: &Path, name: &OsStr, mask: EventMask) -> bool {
    let is_link = |found: &Metadata| found.is_symlink() || found.nlink() > 1;
    is_whole(directory, name, mask, is_link).await
}
