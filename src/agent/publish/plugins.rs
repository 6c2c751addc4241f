//! Which of our container plugins are installed: outputs that need one are then on by themselves.

use sriovd_host::file::{self, FileError, under};
use std::path::Path;

/// Where runtimes look for CNI plugins: upstream, Debian, Fedora.
const CNI: [&str; 3] = [
    "/opt/cni/bin/sriovd-cni",
    "/usr/lib/cni/sriovd-cni",
    "/usr/libexec/cni/sriovd-cni",
];

/// Where netavark looks for drivers (`netavark_plugin_dirs` in containers.conf).
const NETAVARK: [&str; 4] = [
    "/usr/local/libexec/netavark/sriov",
    "/usr/libexec/netavark/sriov",
    "/usr/local/lib/netavark/sriov",
    "/usr/lib/netavark/sriov",
];

/// The container plugins of ours that are installed, in any of the usual directories.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Plugins {
    /// `sriovd-cni`
    pub cni: bool,
    /// `sriovd-netavark`, as the driver `sriov` of netavark.
    pub netavark: bool,
}

impl Plugins {
    /// One that is found is there, whatever could not be looked at.
    pub fn look(root: &Path) -> Result<Self, FileError> {
        Ok(Self {
            cni: is_in_any(root, &CNI)?,
            netavark: is_in_any(root, &NETAVARK)?,
        })
    }
}

fn is_in_any(root: &Path, places: &[&str]) -> Result<bool, FileError> {
    let mut unread = None;
    for place in places {
        match file::kind(&under(root, Path::new(place))) {
            Ok(Some(kind)) if kind.is_file() => return Ok(true),
            Ok(_) => {}
            Err(error) => unread = Some(error),
        }
    }
    unread.map_or(Ok(false), Err)
}

#[cfg(test)]
mod tests;
