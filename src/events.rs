//! Where changes come from. A trigger only says "look again, here": decisions never depend on it.

use crate::model::PciAddress;
use std::fmt;

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
    /// Somebody closed this VFIO group.
    VfioGroup(u32),
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
    Link {
        interface: String,
    },
    Address {
        interface: u32,
    },
    PolicyFiles,
    Allocation {
        vf: PciAddress,
    },
    VfioClosed {
        group: u32,
    },
    /// Events were lost: the socket's buffer was full.
    Overrun {
        source: &'static str,
    },
    Retry,
    Request {
        by: String,
    },
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
            Self::Link { interface } => write!(f, "link change on {interface}"),
            Self::Address { interface } => write!(f, "address change on interface {interface}"),
            Self::PolicyFiles => f.write_str("policy files changed"),
            Self::Allocation { vf } => write!(f, "CNI allocation record of {vf} changed"),
            Self::VfioClosed { group } => write!(f, "VFIO group {group} closed"),
            Self::Overrun { source } => write!(f, "{source} events were lost"),
            Self::Retry => f.write_str("retry"),
            Self::Request { by } => write!(f, "request by {by}"),
        }
    }
}
