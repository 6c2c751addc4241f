//! Allocating VFs to containers, and releasing them: what the container plugins have in common.
//!
//! A VF is allocated in this order: take its lock, write down who gets it and what was there before, set
//! its attributes through the PF, move its netdev. It is released the other way round, whatever
//! of it was done, and the record goes last: what is written down is never forgotten before the VF
//! is back. Nothing of this needs the daemon, which sees the records and keeps its hands off.
#![warn(missing_docs)]

mod allocate;
mod allocator;
mod announce;
mod choose;
mod error;
mod inside;
mod inspect;
mod lock;
mod naming;
pub mod pools;
mod records;
mod release;
mod sriov_cni;
mod stale;
mod value;

pub use allocate::{allocate, has_free, undo};
pub use allocator::Allocator;
pub use error::{AttachError, Held};
pub use inside::{configure, remove_routes_to_nowhere, set_up};
pub use inspect::{Inspection, inspect};
pub use release::{Released, release, release_this};
pub use sriov_cni::{collect_theirs, find_theirs, take_over};
pub use stale::{Collected, collect};
pub use value::{Addressing, Allocated, AllocatedInterface, Choice, Request};
