//! Reads that fail for the agent: what they told last holds on.

use crate::host::Host;
use crate::lab::Nic;
use crate::random::Random;
use anyhow::Result;
use std::fmt;

/// What sysfs tells of a PF, and of its VFs.
const OF_PF: [&str; 6] = [
    "class",
    "vendor",
    "device",
    "sriov_numvfs",
    "sriov_totalvfs",
    "numa_node",
];
const OF_VF: [&str; 3] = ["vendor", "device", "driver_override"];

/// Directories with records and outputs.
const DIRECTORIES: [&str; 6] = [
    "/sys/bus/pci/devices",
    "/etc/cni/net.d",
    "/etc/pcidp",
    "/etc/sriov.d",
    "/var/lib/cni",
    "/run/sriovd/allocations",
];

/// Reads of it fail with EACCES, whatever rights the agent has.
const DENIED_FILE: &str = "/proc/1/mem";
const DENIED_DIRECTORY: &str = "/proc/1/map_files";

pub(crate) enum Fault {
    /// Something else lies over this path in the agent's sight.
    Covered { path: String, by: &'static str },
    /// It can open so many more descriptors than it has.
    Descriptors { more: u64 },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Covered { path, by } => write!(f, "{path} reads as {by}"),
            Self::Descriptors { more } => write!(f, "{more} descriptors are left"),
        }
    }
}

impl Fault {
    pub(crate) fn any(random: &mut Random, nic: &Nic) -> Self {
        let mut among = |many: &[&str]| -> String { random.one_of(many).to_owned() };
        let file = match among(&["pf", "vf", "directory", "descriptors"]).as_str() {
            "pf" => {
                let name = among(&OF_PF);
                format!("/sys/bus/pci/devices/{}/{name}", nic.pci())
            }
            "vf" => {
                let name = among(&OF_VF);
                format!("/sys/bus/pci/devices/{}/{name}", nic.vf_pci(1))
            }
            "directory" => {
                return Self::Covered {
                    path: among(&DIRECTORIES),
                    by: DENIED_DIRECTORY,
                };
            }
            _ => {
                return Self::Descriptors {
                    more: random.below(6),
                };
            }
        };
        Self::Covered {
            path: file,
            by: DENIED_FILE,
        }
    }

    /// None where there is nothing that could fail.
    pub(crate) fn begin(self, host: &Host) -> Result<Option<Self>> {
        let begun = host.try_run(&match &self {
            Self::Covered { path, by } => format!("{IN_SIGHT} mount --bind {by} {path}"),
            Self::Descriptors { more } => format!(
                "{PROCESS}
                 prlimit --pid $process --nofile=$(($(ls /proc/$process/fd | wc -l) + {more})):"
            ),
        })?;
        Ok((begun.status == 0).then_some(self))
    }

    /// The NIC may be gone meanwhile, and the agent another one.
    pub(crate) fn end(&self, host: &Host) -> Result<()> {
        host.try_run(&match self {
            Self::Covered { path, .. } => format!("{IN_SIGHT} umount -l {path}"),
            Self::Descriptors { .. } => {
                format!("{PROCESS}; prlimit --pid $process --nofile=1024:")
            }
        })
        .map(drop)
    }
}

const PROCESS: &str = "process=$(systemctl show -P MainPID sriovd)";
const IN_SIGHT: &str = "nsenter -m -t $(systemctl show -P MainPID sriovd)";
