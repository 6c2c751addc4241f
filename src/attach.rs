//! Lending VFs to containers, and taking them back: what the container plugins have in common.
//!
//! A VF is lent in this order: take its lock, write down who gets it and what was there before, set
//! its attributes through the PF, move its netdev. It is taken back the other way round, whatever
//! of it was done, and the record goes last: what is written down is never forgotten before the VF
//! is back. Nothing of this needs the daemon, which sees the records and keeps its hands off.

mod announce;
mod choose;
mod give_back;
mod inside;
mod inspect;
mod lend;
mod lock;
mod naming;
pub mod pools;
mod records;
mod sriov_cni;
mod stale;

use crate::file::FileError;
use crate::host::HostError;
use crate::host::linux::LinuxHost;
use crate::host::namespace::Namespace;
use crate::model::{
    Allocation, Borrower, MacAddress, Mtu, PciAddress, ResourceName, VfIndex, VfSettings,
};
pub use choose::Held;
pub use give_back::GivenBack;
pub use inside::{Addressing, remove_routes_to_nowhere};
pub use inspect::Inspection;
use pools::NoPools;
use records::Records;
use sriov_cni::Unknown;
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
        pool: ResourceName,
        index: Option<VfIndex>,
    },
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub borrower: Borrower,
    pub choice: Choice,
    /// The network's, over those that the policy set. With a MAC, the netdev gets it too.
    pub settings: VfSettings,
    pub mtu: Option<Mtu>,
    /// Whether a VF will do that a user-space driver has: its attributes are set, and no netdev
    /// moves.
    pub userspace: bool,
}

/// A VF that is lent, under its lock as long as this lives.
#[derive(Debug)]
pub struct Lent {
    pub allocation: Allocation,
    /// The netdev in its new place. `None` for a VF that a user-space driver has.
    pub interface: Option<LentInterface>,
    /// The VF's MAC by its PF, if that gave it one.
    pub admin_mac: Option<MacAddress>,
    namespace: Namespace,
    _lock: File,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LentInterface {
    pub index: u32,
    pub mac: MacAddress,
    pub mtu: Mtu,
}

#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    #[error(transparent)]
    Host(#[from] HostError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    NoPools(#[from] NoPools),
    #[error("there is no pool {pool} on this node; {}", known_pools(known))]
    UnknownPool {
        pool: ResourceName,
        known: Vec<ResourceName>,
    },
    #[error("pool {pool} has no free VF: {held}")]
    NoneFree { pool: ResourceName, held: Held },
    #[error("VF {vf} is not free: {held}")]
    NotFree { vf: PciAddress, held: Held },
    /// Taken back, but not in every respect.
    #[error("{0}")]
    Troubles(String),
    #[error(transparent)]
    Theirs(#[from] Unknown),
    #[error("{0} is not a VF of this host")]
    NotAVf(PciAddress),
    #[error("container {container} has a VF as {interface} already")]
    Already {
        container: String,
        interface: String,
    },
    #[error("{cause}; and taking the VF back failed too: {troubles}")]
    NotUndone {
        cause: Box<AttachError>,
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

/// Lends the VFs of one host.
#[derive(Debug, Clone)]
pub struct Lender {
    root: PathBuf,
    host: LinuxHost,
    records: Records,
}

impl Lender {
    pub fn new(root: PathBuf) -> Self {
        Self {
            host: LinuxHost::new(root.clone()),
            records: Records::below(&root),
            root,
        }
    }

    /// What is lent now, as it is written down.
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
