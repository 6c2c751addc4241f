//! Why a netlink exchange failed.

use crate::HostError;
use sriovd_core::model::Errno;
use std::io;

/// An answer that does not have the documented form; says what could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cannot read {0}")]
pub struct Malformed(pub(super) &'static str);

/// Why a netlink exchange failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetlinkError {
    /// The kernel refused the request, or the socket failed.
    #[error("{errno}{}", detail.as_ref().map(|d| format!(" ({d})")).unwrap_or_default())]
    Kernel {
        /// The error number of the answer.
        errno: Errno,
        /// The kernel's own words (extended acknowledgement).
        detail: Option<String>,
    },
    /// The answer does not have the documented form.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

impl NetlinkError {
    /// The same as an error of the host; `what` names the object and what was done with it.
    pub fn while_doing(self, what: String) -> HostError {
        match self {
            Self::Kernel {
                errno: errno @ (Errno::MFILE | Errno::NFILE),
                ..
            } => HostError::NoDescriptor { errno },
            Self::Kernel { errno, detail } => HostError::Kernel {
                what,
                errno,
                detail,
            },
            Self::Malformed(malformed) => HostError::Unreadable {
                what,
                found: malformed.to_string(),
            },
        }
    }

    /// The kernel's error number, where it gave one.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Kernel { errno, .. } => Some(*errno),
            Self::Malformed(_) => None,
        }
    }
}

impl From<Errno> for NetlinkError {
    fn from(errno: Errno) -> Self {
        Self::Kernel {
            errno,
            detail: None,
        }
    }
}

impl From<io::Error> for NetlinkError {
    fn from(error: io::Error) -> Self {
        Errno::from(error).into()
    }
}
