//! Why a VF was not allocated or not released.

use super::pools::NoPools;
use sriovd_core::host::HostError;
use sriovd_core::model::{PciAddress, ResourceName};
use sriovd_host::file::FileError;
use std::fmt;
use std::path::PathBuf;

/// Why a VF was not allocated or not released.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// The kernel refused, or could not be read.
    #[error(transparent)]
    Host(#[from] HostError),
    /// A record or lock could not be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The pools are not known.
    #[error(transparent)]
    NoPools(#[from] NoPools),
    /// No policy in force forms this pool.
    #[error("there is no pool {pool} on this node; {}", known_pools(known))]
    UnknownPool {
        /// The pool that was asked for.
        pool: ResourceName,
        /// The pools that there are.
        known: Vec<ResourceName>,
    },
    /// Every VF of the pool is in use.
    #[error("pool {pool} has no free VF: {held}")]
    NoneFree {
        /// The pool.
        pool: ResourceName,
        /// The holder of each of its VFs.
        held: Held,
    },
    /// The VF that was asked for is in use.
    #[error("VF {vf} is not free: {held}")]
    NotFree {
        /// The VF.
        vf: PciAddress,
        /// Its holder.
        held: Held,
    },
    /// Released, but not in every respect.
    #[error("{0}")]
    Troubles(String),
    /// A record of sriov-cni that cannot be understood.
    #[error("{} is not what sriov-cni writes: it is left as it is, and its VF with it", path.display())]
    Theirs {
        /// The record.
        path: PathBuf,
        /// Where it differs.
        source: serde_json::Error,
    },
    /// It may be a PF, or of no network device.
    #[error("{0} is not a VF of this host")]
    NotAVf(PciAddress),
    /// The container has a VF for this interface.
    #[error("container {container} has a VF as {interface} already")]
    Already {
        /// The container, as people call it.
        container: String,
        /// The name of the interface in it.
        interface: String,
    },
    /// The allocation failed, and what had been done could not be undone as a whole.
    #[error("{cause}; and releasing the VF failed too: {troubles}")]
    NotUndone {
        /// Why the allocation failed.
        cause: Box<AttachError>,
        /// What could not be undone, in words.
        troubles: String,
    },
}

fn known_pools(known: &[ResourceName]) -> String {
    let names: Vec<_> = known.iter().map(ToString::to_string).collect();
    match names.len() {
        0 => "no policy in force makes one".to_owned(),
        _ => format!("there are: {}", names.join(", ")),
    }
}

/// Why each VF that came into question was not free.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Held(pub Vec<(String, String)>);

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 8;
        if self.0.is_empty() {
            return f.write_str("it has no VF at the moment");
        }
        for (at, (vf, why)) in self.0.iter().take(SHOWN).enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{vf} {why}")?;
        }
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, ", and {more} more"),
        }
    }
}
