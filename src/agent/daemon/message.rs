//! What work on other threads sends back when it is over.

use super::identity::NodeError;
use super::publisher::Published;
use super::slot::Waiting;
use crate::api::TlsError;
use crate::events::Cause;
use crate::load::{LastGoodError, Loaded};
use sriovd_core::host::HostError;
use sriovd_core::model::{Holder, Node, PciAddress, VfIndex};
use sriovd_core::reconcile::Outcome;
use sriovd_plugins::attach::{AttachError, Collected};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Threads whose work is over wait with it until there is room.
pub(super) const MESSAGE_QUEUE: usize = 64;

/// Work that is over.
#[derive(Debug)]
pub(super) enum Message {
    Pass {
        pf: PciAddress,
        outcome: Box<Outcome>,
        /// None where that could not be read.
        allocated: Option<BTreeMap<VfIndex, Holder>>,
        collected: Vec<Result<Collected, AttachError>>,
    },
    Listed {
        listed: Result<BTreeSet<PciAddress>, HostError>,
        collected: Vec<Result<Collected, AttachError>>,
        waiting: Waiting,
    },
    Node {
        node: Result<Node, NodeError>,
        cause: Cause,
    },
    Loaded {
        loaded: Box<Loaded>,
        cause: Cause,
        unsaved: Option<LastGoodError>,
        /// None where they were not read.
        tls: Option<Result<(), TlsError>>,
        /// None where it was not read.
        node: Option<Result<Node, NodeError>>,
    },
    Published(Box<Published>),
    /// Outputs that are not as they were written.
    Looked(BTreeSet<PathBuf>),
}
