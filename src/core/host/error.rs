//! Why the host did not do something, and whether trying again can help.

use crate::model::{Errno, Holder, Persistence, VfIndex};

/// Why the host did not do or tell something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// The device went away while it was worked on.
    #[error("{what} is gone")]
    Gone {
        /// The device or file.
        what: String,
    },
    /// The driver has no such function (EOPNOTSUPP, EPROTONOSUPPORT).
    #[error("not supported by driver {driver}")]
    Unsupported {
        /// The driver's name, or how the driver is called where it has none.
        driver: String,
    },
    /// The kernel answered with an error number, sometimes with a sentence of its own (extack).
    #[error("{what}: {errno}{}", detail.as_ref().map(|d| format!(" ({d})")).unwrap_or_default())]
    Kernel {
        /// What was asked of the kernel, as `writing "4" to /sys/…`.
        what: String,
        /// The kernel's answer.
        errno: Errno,
        /// The kernel's own sentence (`NLMSGERR_ATTR_MSG`).
        detail: Option<String>,
    },
    /// What is there could not be read, so that its content is unknown.
    #[error("{what}: {errno}")]
    Unread {
        /// What was to be read, as `reading /sys/…`.
        what: String,
        /// The kernel's answer.
        errno: Errno,
    },
    /// What lies in this directory is not known: its file system, or the server behind it, has not come back from it.
    #[error("what is in {directory} cannot be read: its file system does not answer")]
    Unanswered {
        /// The directory.
        directory: String,
    },
    /// The process, or the host, has as many files open as it may. Which one is too many hangs on what else is open.
    #[error("no more files can be opened (LimitNOFILE= of sriovd.service is too low): {errno}")]
    NoDescriptor {
        /// EMFILE or ENFILE.
        errno: Errno,
    },
    /// The kernel reported success and nothing happened.
    #[error("{what}: the kernel reported success, but {found}")]
    NoEffect {
        /// What was asked of the kernel.
        what: String,
        /// What is there instead, as a clause.
        found: String,
    },
    /// Another program holds the lock under which this VF is changed.
    #[error("{what} is locked by another program")]
    Locked {
        /// The VF.
        what: String,
    },
    /// A driver is being bound to it or unbound, which takes a moment.
    #[error("{what} is just getting or losing a driver")]
    Rebinding {
        /// The device.
        what: String,
    },
    /// No driver claimed it, and udev, which loads their modules, is still at work.
    #[error("{what} has no driver yet: udev is still at work")]
    DriverComing {
        /// The device.
        what: String,
    },
    /// Another program gave it a driver, or took it away, after it was looked at.
    #[error("{what} has just been given another driver")]
    Rebound {
        /// The device.
        what: String,
    },
    /// A container plugin allocated this VF after it was looked at.
    #[error("{what} has just been allocated by a container plugin")]
    Allocated {
        /// The VF.
        what: String,
    },
    /// This VF came into use after it was looked at.
    #[error("VF {vf} has just come into use by {by}")]
    InUse {
        /// The VF.
        vf: VfIndex,
        /// The holder.
        by: Box<Holder>,
    },
    /// A program that would have to do it does not answer, or not in time.
    #[error("{what}: {why}")]
    Silent {
        /// What was asked of it, and who.
        what: String,
        /// What came of it.
        why: String,
    },
    /// A program that would have to do it says no.
    #[error("{what}: {why}")]
    Refused {
        /// What was asked of it, and who.
        what: String,
        /// Its own words.
        why: String,
    },
    /// Another program changed it after it was looked at.
    #[error("{what} has just been changed by another program")]
    Overtaken {
        /// What has changed.
        what: String,
    },
    /// An answer that does not have the form the kernel documents.
    #[error("{what}: cannot understand {found:?}")]
    Unreadable {
        /// The file or answer.
        what: String,
        /// What it says.
        found: String,
    },
}

impl HostError {
    /// Whether trying again can help, and what would make it help.
    pub fn persistence(&self) -> Persistence {
        match self {
            // Nothing tells when it can be read again.
            Self::Gone { .. } | Self::Unread { .. } | Self::Unanswered { .. } => {
                Persistence::Transient
            }
            Self::Silent { .. } => Persistence::Service,
            Self::NoDescriptor { .. } => Persistence::Shortage,
            Self::Locked { .. }
            | Self::Rebound { .. }
            | Self::Overtaken { .. }
            | Self::Allocated { .. }
            | Self::InUse { .. } => Persistence::Busy,
            Self::Rebinding { .. } | Self::DriverComing { .. } => Persistence::Coming,
            Self::Unsupported { .. } => Persistence::Unsupported,
            Self::NoEffect { .. } | Self::Unreadable { .. } | Self::Refused { .. } => {
                Persistence::UntilChange
            }
            Self::Kernel { errno, .. } => match *errno {
                // i40e and ice answer so while a VF or the PF resets (host-side, 0.3 to 0.8 s).
                Errno::AGAIN
                | Errno::BUSY
                | Errno::INTR
                // That these end, nothing tells either.
                | Errno::ACCESS
                | Errno::IO
                | Errno::NOBUFS
                | Errno::NOMEM
                | Errno::TIMEDOUT => Persistence::Transient,
                Errno::MFILE | Errno::NFILE => Persistence::Shortage,
                // Drivers answer so to a VF or PF that is not set up yet, and to what they do not
                // take ever.
                Errno::INVAL | Errno::NOTSUPP => Persistence::Doubtful,
                _ => Persistence::UntilChange,
            },
        }
    }
}

impl HostError {
    /// Whether the driver lacks it, in its own words too.
    pub fn is_unsupported(&self) -> bool {
        let errno = match self {
            Self::Kernel { errno, .. } => Some(*errno),
            _ => None,
        };
        self.persistence() == Persistence::Unsupported || errno == Some(Errno::OPNOTSUPP)
    }

    /// What is no news of the device if it lasts: the driver lacks it.
    pub fn is_unsupported_if_it_lasts(&self) -> bool {
        matches!(self, Self::Kernel { errno, .. } if *errno == Errno::NOTSUPP)
    }
}
