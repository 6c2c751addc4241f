//! Why the agent starts without what was remembered.

use std::path::PathBuf;

/// Of state files.
pub(super) const VERSION: u64 = 1;

/// Why there is no memory, though there was a file. It was moved aside if `kept` says where.
#[derive(Debug, thiserror::Error)]
#[error(
    "{} {reason}; going on without it{}",
    path.display(),
    kept.as_ref().map(|kept| format!(", kept as {}", kept.display())).unwrap_or_default()
)]
pub struct Lost {
    /// The state file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: LostReason,
    /// Where it is now; `None` where it could not be moved.
    pub kept: Option<PathBuf>,
}

/// Why a state file is of no use.
#[derive(Debug, thiserror::Error)]
pub enum LostReason {
    /// It cannot be read.
    #[error("cannot be read ({0})")]
    Unreadable(std::io::Error),
    /// It is not JSON, or not that of a state file.
    #[error("is damaged ({0})")]
    Damaged(serde_json::Error),
    /// It has this version, and says that older ones cannot understand it.
    #[error("was written by a newer sriovd (version {0}, known is {VERSION})")]
    Newer(u64),
}
