//! Why the host did not do something, and whether trying again can help.

use crate::model::Persistence;
use rustix::io::Errno;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// The device went away while it was worked on.
    #[error("{what} is gone")]
    Gone { what: String },
    /// The driver has no such function (EOPNOTSUPP, EPROTONOSUPPORT).
    #[error("not supported by driver {driver}")]
    Unsupported { driver: String },
    /// The kernel answered with an error number, sometimes with a sentence of its own (extack).
    #[error("{what}: {}{}", words(*errno), detail.as_ref().map(|d| format!(" ({d})")).unwrap_or_default())]
    Kernel {
        what: String,
        errno: Errno,
        detail: Option<String>,
    },
    /// What is there could not be read: nobody knows what it says now.
    #[error("{what}: {errno}")]
    Unread { what: String, errno: Errno },
    /// The kernel said yes and nothing happened.
    #[error("{what}: the kernel reported success, but {found}")]
    NoEffect { what: String, found: String },
    /// Another program holds the lock under which this VF is changed.
    #[error("{what} is locked by another program")]
    Locked { what: String },
    /// A driver is being bound to it or unbound, which takes a moment.
    #[error("{what} is just getting or losing a driver")]
    Rebinding { what: String },
    /// No driver claimed it, and udev, which loads their modules, is still at work.
    #[error("{what} has no driver yet: udev is still at work")]
    DriverComing { what: String },
    /// Another program gave it a driver, or took it away, after it was looked at.
    #[error("{what} has just been given another driver")]
    Rebound { what: String },
    /// A container plugin gave this VF away after it was looked at.
    #[error("{what} has just been lent by a container plugin")]
    Lent { what: String },
    /// Somebody took this VF after it was looked at.
    #[error("{what} has just come into use by {by}")]
    InUse { what: String, by: String },
    /// An answer that does not have the form the kernel documents.
    #[error("{what}: cannot make sense of {found:?}")]
    Unreadable { what: String, found: String },
}

impl HostError {
    pub fn persistence(&self) -> Persistence {
        match self {
            // Nothing tells when it can be read again.
            Self::Gone { .. } | Self::Unread { .. } => Persistence::Transient,
            Self::Locked { .. } | Self::Rebound { .. } | Self::Lent { .. } | Self::InUse { .. } => {
                Persistence::Busy
            }
            Self::Rebinding { .. } | Self::DriverComing { .. } => Persistence::Coming,
            Self::Unsupported { .. } => Persistence::Unsupported,
            Self::NoEffect { .. } | Self::Unreadable { .. } => Persistence::UntilChange,
            Self::Kernel { errno, .. } => match *errno {
                // i40e and ice answer so while a VF or the PF resets (host-side, 0.3 to 0.8 s).
                Errno::AGAIN
                | Errno::BUSY
                | Errno::INTR
                // That these end, nothing tells either.
                | Errno::ACCESS
                | Errno::IO
                | Errno::MFILE
                | Errno::NFILE
                | Errno::NOBUFS
                | Errno::NOMEM
                | Errno::TIMEDOUT => Persistence::Transient,
                // Drivers answer so to a VF or PF that is not set up yet, and to what they do not
                // take ever.
                Errno::INVAL | NOT_SUPPORTED => Persistence::Doubtful,
                _ => Persistence::UntilChange,
            },
        }
    }
}

impl HostError {
    /// What is no news of the device if it lasts: the driver lacks it.
    pub fn is_unsupported_if_it_lasts(&self) -> bool {
        matches!(self, Self::Kernel { errno, .. } if *errno == NOT_SUPPORTED)
    }
}

/// ENOTSUPP, which is the kernel's own and should never leave it (`include/linux/errno.h`).
pub const NOT_SUPPORTED: Errno = Errno::from_raw_os_error(524);

fn words(errno: Errno) -> String {
    match errno {
        NOT_SUPPORTED => "not supported, or not yet (ENOTSUPP)".to_owned(),
        errno => errno.to_string(),
    }
}
