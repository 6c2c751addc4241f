//! Which of our container plugins are installed: outputs that need one are then on by themselves.

use crate::file::under;
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Plugins {
    pub cni: bool,
    pub netavark: bool,
}

impl Plugins {
    pub fn look(root: &Path) -> Self {
        let any = |paths: &[&str]| paths.iter().any(|it| under(root, Path::new(it)).is_file());
        Self {
            cni: any(&CNI),
            netavark: any(&NETAVARK),
        }
    }
}

#[cfg(test)]
mod tests;
