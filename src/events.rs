//! Where changes come from. A trigger only says "look again, here": decisions never depend on it.

pub mod files;
pub mod hostname;
pub mod kernel;
pub mod link;
mod socket;
pub mod udev;
pub mod uevent;

use crate::model::PciAddress;
use anyhow::Context as _;
use std::convert::Infallible;
use std::ffi::OsString;
use std::fmt;
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
    /// VFs that found no driver.
    Drivers,
    /// What policies can ask of the host itself.
    Node,
    /// Somebody closed this VFIO group.
    VfioGroup(u32),
    /// A VFIO device that was opened without its group.
    VfioDevice,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    pub scope: Scope,
    pub cause: Cause,
}

/// Why we look: for the journal and for people, never for decisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    Start,
    Reload,
    /// `udev` event: source, action and device.
    Udev {
        action: String,
        device: String,
        from_kernel: bool,
    },
    /// The kernel has a driver that it had not.
    DriverCame {
        driver: String,
    },
    Link {
        interface: String,
    },
    Address {
        interface: u32,
    },
    PolicyFiles,
    /// The host was given another name.
    HostName,
    Allocation {
        vf: PciAddress,
    },
    VfioClosed {
        group: u32,
    },
    /// A device that was opened without its group, `/dev/vfio/devices/…`.
    VfioDeviceClosed {
        device: String,
    },
    /// Events were lost: the socket's buffer was full.
    Overrun {
        source: &'static str,
    },
    Retry,
    /// Nobody wants changes to be held any more.
    Resumed,
    Request {
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
}

impl Trigger {
    fn overrun(source: &'static str) -> Self {
        Self {
            scope: Scope::Everything,
            cause: Cause::Overrun { source },
        }
    }
}

/// Everything that is listened to, from `subscribe` on.
pub struct Sources {
    kernel: kernel::Source,
    udev: udev::Source,
    links: link::Source,
    files: files::Source,
    hostname: hostname::Source,
}

impl Sources {
    /// `buffer`: how many bytes the kernel may keep for each socket.
    pub fn subscribe(directories: files::Directories, buffer: usize) -> anyhow::Result<Self> {
        Ok(Self {
            kernel: kernel::Source::subscribe(buffer)?,
            udev: udev::Source::subscribe(buffer)?,
            links: link::Source::subscribe(buffer)?,
            files: files::Source::subscribe(directories)?,
            hostname: hostname::Source::subscribe()?,
        })
    }

    /// Runs until one of them is broken. Not `Send`: libudev belongs to one thread.
    pub async fn run(
        self,
        triggers: Sender<Trigger>,
        neighbours: Sender<Neighbour>,
    ) -> anyhow::Result<Infallible> {
        let Self {
            kernel,
            udev,
            links,
            files,
            hostname,
        } = self;
        tokio::select! {
            ended = kernel.run(triggers.clone()) => ended.context("kernel events ended"),
            ended = udev.run(triggers.clone()) => ended.context("udev events ended"),
            ended = links.run(triggers.clone()) => ended.context("rtnetlink events ended"),
            ended = hostname.run(triggers.clone()) => ended.context("events of the host name ended"),
            ended = files.run(triggers, neighbours) => ended.context("inotify events ended"),
        }
    }
}

async fn send<T: Send + Sync + 'static>(to: &Sender<T>, what: T) -> anyhow::Result<()> {
    let sent = to.send(what).await;
    sent.context("nobody takes what is heard any more")
}

impl Cause {
    /// Somebody wants something, where other causes may be echoes of what we did ourselves.
    pub fn is_wish(&self) -> bool {
        matches!(
            self,
            Self::Start | Self::Reload | Self::PolicyFiles | Self::Resumed | Self::Request { .. }
        )
    }

    /// Somebody said so, in place of changing something that is noticed by itself.
    pub fn is_asked_for(&self) -> bool {
        matches!(self, Self::Reload | Self::Request { .. })
    }
}

impl Cause {
    /// One of a few words, for counting.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Reload => "reload",
            Self::Udev { .. } => "udev",
            Self::DriverCame { .. } => "driver",
            Self::Link { .. } => "link",
            Self::Address { .. } => "address",
            Self::PolicyFiles => "policy-files",
            Self::HostName => "host-name",
            Self::Allocation { .. } => "allocation",
            Self::VfioClosed { .. } | Self::VfioDeviceClosed { .. } => "vfio",
            Self::Overrun { .. } => "overrun",
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
            Self::Link { interface } => write!(f, "link change on {interface}"),
            Self::Address { interface } => write!(f, "address change on interface {interface}"),
            Self::PolicyFiles => f.write_str("policy files changed"),
            Self::HostName => f.write_str("the host's name changed"),
            Self::Allocation { vf } => write!(f, "allocation record of {vf} changed"),
            Self::VfioClosed { group } => write!(f, "VFIO group {group} closed"),
            Self::VfioDeviceClosed { device } => write!(f, "VFIO device {device} closed"),
            Self::Overrun { source } => write!(f, "{source} events were lost"),
            Self::Retry => f.write_str("retry"),
            Self::Resumed => f.write_str("a pause is over"),
            Self::Request { by } => write!(f, "request by {by}"),
        }
    }
}

#[cfg(test)]
mod tests;
