//! An event, reduced to where to look again and why.

use anyhow::Context as _;
use sriovd_core::model::PciAddress;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use tokio::sync::mpsc::Sender;

/// What to look at again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// The whole host: at start, on request, and after events were lost.
    Everything,
    /// A PCI function: a PF, or a VF (whose PF is then looked at).
    Device(PciAddress),
    /// A network interface by its index.
    Interface(u32),
    /// The policy directories.
    Policies,
    /// PFs for which the bridges of Open vSwitch matter.
    Bridges,
    /// VFs that found no driver.
    Drivers,
    /// What policies can ask of the host itself.
    Node,
    /// This VFIO group was closed.
    VfioGroup(u32),
    /// A VFIO device that was opened without its group.
    VfioDevice,
}

/// An event, reduced to where to look again and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    /// Where to look.
    pub scope: Scope,
    /// Why, for the journal.
    pub cause: Cause,
}

/// Why we look: for the journal and for people, never for decisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The daemon starts.
    Start,
    /// `systemctl reload`, which is SIGHUP.
    Reload,
    /// `udev` event: source, action and device.
    Udev {
        /// `add`, `bind`, `change` and so on.
        action: String,
        /// The device's name, mostly a PCI address.
        device: String,
        /// Told by the kernel and not by udev.
        from_kernel: bool,
    },
    /// The kernel has a driver that it had not.
    DriverCame {
        /// The driver's name.
        driver: String,
    },
    /// A bridge of Open vSwitch, or its database.
    Bridges,
    /// A link was changed: name, state, MTU, namespace.
    Link {
        /// The name of the interface, which may have any bytes but those that cannot be printed.
        interface: String,
    },
    /// An address was removed, which may have been the last sign of use.
    Address {
        /// `ifindex` of the interface.
        interface: u32,
    },
    /// A policy file was written, removed or linked.
    PolicyFiles,
    /// The host was given another name.
    HostName,
    /// The settings file was written or removed: labels of the node, for one.
    Settings,
    /// An allocation record of a CNI plugin or of ours came or went.
    Allocation {
        /// The VF that it is of.
        vf: PciAddress,
    },
    /// The last program that had the group open has closed it.
    VfioClosed {
        /// The number of the group.
        group: u32,
    },
    /// A device that was opened without its group, `/dev/vfio/devices/…`.
    VfioDeviceClosed {
        /// The device's name in `/dev/vfio/devices`.
        device: String,
    },
    /// Events were lost: the socket's buffer was full.
    Overrun {
        /// The source whose events were lost: `kernel`, `udev`, `rtnetlink` or `inotify`.
        source: &'static str,
    },
    /// What another PF or its VFs have is not as it was.
    OtherPf {
        /// The PF that has changed.
        pf: PciAddress,
    },
    /// The time after which a failed step is tried again is over.
    Retry,
    /// A pause was ended, or its time is up.
    Resumed,
    /// A request over the socket.
    Request {
        /// The user or program.
        by: String,
    },
}

/// Nothing to look at on the host, but it may decide about outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Neighbour {
    /// Where outputs lie, an entry of this name came, went or was written.
    Entry(OsString),
    /// A directory came or went.
    Directory,
    /// What happens in a directory is not heard, or is heard again.
    Watched {
        /// The directory, or one that does not exist.
        directory: PathBuf,
        /// Why it cannot be watched; `None` once it is.
        reason: Option<String>,
    },
}

impl Trigger {
    pub(super) fn overrun(source: &'static str) -> Self {
        Self {
            scope: Scope::Everything,
            cause: Cause::Overrun { source },
        }
    }
}

pub(super) async fn send<T: Send + Sync + 'static>(to: &Sender<T>, what: T) -> anyhow::Result<()> {
    let sent = to.send(what).await;
    sent.context("the daemon takes no events any more")
}

impl Cause {
    /// Whether a user or administrator wants something. Other causes may be echoes of what sriovd did.
    pub fn is_wish(&self) -> bool {
        matches!(
            self,
            Self::Start
                | Self::Reload
                | Self::PolicyFiles
                | Self::Settings
                | Self::Resumed
                | Self::Request { .. }
        )
    }

    /// Whether a look was asked for, and not brought about by a change.
    pub fn is_asked_for(&self) -> bool {
        matches!(self, Self::Reload | Self::Request { .. })
    }

    /// One of a few words, for counting.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Reload => "reload",
            Self::Udev { .. } => "udev",
            Self::DriverCame { .. } => "driver",
            Self::Bridges => "open-vswitch",
            Self::Link { .. } => "link",
            Self::Address { .. } => "address",
            Self::PolicyFiles => "policy-files",
            Self::HostName => "host-name",
            Self::Settings => "settings",
            Self::Allocation { .. } => "allocation",
            Self::VfioClosed { .. } | Self::VfioDeviceClosed { .. } => "vfio",
            Self::Overrun { .. } => "overrun",
            Self::OtherPf { .. } => "other-pf",
            Self::Retry => "retry",
            Self::Resumed => "resumed",
            Self::Request { .. } => "request",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("start"),
            Self::Reload => f.write_str("reload"),
            Self::Udev {
                action,
                device,
                from_kernel: true,
            } => {
                write!(f, "kernel event {action} {device}")
            }
            Self::Udev {
                action,
                device,
                from_kernel: false,
            } => {
                write!(f, "udev event {action} {device}")
            }
            Self::DriverCame { driver } => write!(f, "driver {driver} is there"),
            Self::Bridges => f.write_str("change in Open vSwitch"),
            Self::Link { interface } => write!(f, "link change on {interface}"),
            Self::Address { interface } => write!(f, "address change on interface {interface}"),
            Self::PolicyFiles => f.write_str("policy files changed"),
            Self::HostName => f.write_str("the host's name changed"),
            Self::Settings => f.write_str("settings changed"),
            Self::Allocation { vf } => write!(f, "allocation record of {vf} changed"),
            Self::VfioClosed { group } => write!(f, "VFIO group {group} closed"),
            Self::VfioDeviceClosed { device } => write!(f, "VFIO device {device} closed"),
            Self::Overrun { source } => write!(f, "{source} events were lost"),
            Self::OtherPf { pf } => write!(f, "change of the PF {pf}"),
            Self::Retry => f.write_str("retry"),
            Self::Resumed => f.write_str("a pause is over"),
            Self::Request { by } => write!(f, "request by {by}"),
        }
    }
}
