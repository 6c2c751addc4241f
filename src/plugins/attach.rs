//! Allocating VFs to containers, and releasing them: what the container plugins have in common.
//!
//! A VF is allocated in this order: take its lock, write down who gets it and what was there before, set
//! its attributes through the PF, move its netdev. It is released the other way round, whatever
//! of it was done, and the record goes last: what is written down is never forgotten before the VF
//! is back. Nothing of this needs the daemon, which sees the records and keeps its hands off.
#![warn(missing_docs)]

mod allocate;
mod announce;
mod choose;
mod inside;
mod inspect;
mod lock;
mod naming;
pub mod pools;
mod records;
mod release;
mod sriov_cni;
mod stale;

pub use choose::Held;
pub use inside::{Addressing, remove_routes_to_nowhere};
pub use inspect::Inspection;
use pools::NoPools;
use records::Records;
pub use release::Released;
use sriov_cni::Unknown;
use sriovd_core::host::HostError;
use sriovd_core::model::{
    Allocation, Borrower, MacAddress, Mtu, PciAddress, ResourceName, VfIndex, VfSettings,
};
use sriovd_host::file::FileError;
use sriovd_host::file::apart::Apart;
use sriovd_host::linux::LinuxHost;
use sriovd_host::namespace::Namespace;
pub use stale::Collected;
use stale::Life;
use std::fs::File;
use std::path::PathBuf;

/// Which VF is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// This one.
    Vf(PciAddress),
    /// A free one of the pool, or the free one of this index.
    OfPool {
        /// The pool.
        pool: ResourceName,
        /// The index on its PF, which the VF must have; `None`: any.
        index: Option<VfIndex>,
    },
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The container, and where the netdev is to go.
    pub borrower: Borrower,
    /// The VF that is wanted.
    pub choice: Choice,
    /// The network's, over those that the policy set. With a MAC, the netdev gets it too.
    pub settings: VfSettings,
    /// In bytes; `None`: as the policy set it.
    pub mtu: Option<Mtu>,
    /// Whether a VF will do that a user-space driver has: its attributes are set, and no netdev
    /// moves.
    pub userspace: bool,
}

/// A VF that is allocated, under its lock as long as this lives.
#[derive(Debug)]
pub struct Allocated {
    /// What was written down of it.
    pub allocation: Allocation,
    /// The netdev in its new place. `None` for a VF that a user-space driver has.
    pub interface: Option<AllocatedInterface>,
    /// The VF's MAC by its PF, if that gave it one.
    pub admin_mac: Option<MacAddress>,
    namespace: Namespace,
    _lock: File,
}

/// The netdev of an allocated VF, in the container's namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AllocatedInterface {
    /// `ifindex` there.
    pub index: u32,
    /// The address that it has.
    pub mac: MacAddress,
    /// In bytes.
    pub mtu: Mtu,
}

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
    #[error(transparent)]
    Theirs(#[from] Unknown),
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

/// Allocates the VFs of one host.
#[derive(Debug, Clone)]
pub struct Allocator {
    root: PathBuf,
    host: LinuxHost,
    records: Records,
}

impl Allocator {
    /// The VFs of the host whose files are below `root`.
    pub fn new(root: PathBuf) -> Self {
        Self {
            host: LinuxHost::with_apart(root.clone(), Apart::on_this_thread()),
            records: Records::below(&root),
            root,
        }
    }

    /// What is allocated now, as it is written down.
    pub fn allocations(&self) -> Result<Vec<Allocation>, AttachError> {
        Ok(self.records.all()?)
    }

    /// What this container has under this name; of several, what it lives with.
    pub fn find(
        &self,
        container: &str,
        interface: &str,
    ) -> Result<Option<Allocation>, AttachError> {
        let found = self.find_all(container, interface)?.into_iter();
        Ok(found.max_by_key(|it| matches!(self.life(it), Ok(Life::Lives))))
    }

    /// Also what it had before it started again, if nobody took that back yet.
    fn find_all(&self, container: &str, interface: &str) -> Result<Vec<Allocation>, AttachError> {
        let mut found = self.records.all()?;
        found.retain(|allocation| {
            let borrower = &allocation.borrower;
            borrower.container == container && borrower.interface.as_str() == interface
        });
        Ok(found)
    }
}
