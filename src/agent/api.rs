//! HTTP and JSON on a Unix socket: read what is, ask for a pass.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/status` | [`Status`] |
//! | `GET /v1/world` | [`World`]; as server-sent events [`WorldChange`](sriovd_core::model::world::WorldChange)s |
//! | `GET /v1/snapshot` | [`HostSnapshot`](sriovd_core::model::HostSnapshot), looked at now |
//! | `GET /v1/plan` | [`Forecast`](sriovd_sim::forecast::Forecast): what a pass would do now |
//! | `GET /v1/pfs`, `/v1/pfs/{pf}` | [`PfDetail`]: what the last pass saw and what is wanted |
//! | `GET /v1/policies` | [`PolicyDetail`]: where each stands and where it holds |
//! | `GET /v1/networks` | [`NetworkDetail`]: where each stands and what it has |
//! | `GET /v1/sources`, `/v1/sources/{name}` | [`SourceSummary`], [`SourceReport`]: what programs put |
//! | `PUT /v1/sources/{name}` | replaces all that a program wants; then its [`SourceReport`] |
//! | `DELETE /v1/sources/{name}` | removes it; then the [`SourceSummary`] of the others |
//! | `POST /v1/sources/{name}/plan` | [`Forecast`](sriovd_sim::forecast::Forecast): what would follow from it |
//! | `GET /v1/events` | [`Event`](sriovd_core::report::Event)s as server-sent events |
//! | `POST /v1/apply` | [`Applied`]: a pass over some PFs or all, then the status |
//! | `POST /v1/pause`, `/v1/resume` | changes held, or no longer; then the status |
//! | `GET /metrics`, `/openapi.json` | counters for Prometheus; all of this as programs read it |
//! | `POST /v1/reload` | policies read again, then the status |
//!
//! Errors are RFC 9457 problem objects. Changing is for root, the user the daemon runs as, and the
//! members of the admin group; over TLS for those whose certificate the settings name.
#![warn(missing_docs)]

mod changes;
mod clock;
mod context;
mod counters;
mod detail;
mod drawn;
mod feed;
mod foresight;
mod handlers;
mod metrics;
mod page;
mod picture;
mod server;
mod sources;
mod stream;
mod tls;

pub use clock::since_1970;
pub use detail::{NetworkDetail, PfDetail, PolicyDetail};
pub use feed::Feed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
pub use server::{Tcp, serve, serve_stream};
pub use sources::{SOURCE_LIMIT, SourceSummary, Sources};
use sriovd_core::host::Host;
use sriovd_core::memory::Memory;
use sriovd_core::model::world::World;
use sriovd_core::model::{Node, PciAddress};
use sriovd_core::policy::PolicySet;
use sriovd_core::policy::source::SourceReport;
use sriovd_core::report::{KnownPf, Pause, Seen, Status, TakenVf};
pub use sriovd_wire::peer::Peer;
pub use sriovd_wire::problem::ProblemDetails;
pub use sriovd_wire::serve::{LIMITS, Limits};
pub use sriovd_wire::socket::{bind, listen};
use sriovd_wire::{input, peer, problem};
use std::fmt;
use std::sync::Arc;
pub use tls::{Tls, TlsError, TlsFiles};
use tokio::sync::{mpsc, oneshot, watch};

/// Something that only the daemon's loop can do.
#[derive(Debug)]
pub enum Request {
    /// A pass over some PFs.
    Apply {
        /// The PFs.
        pfs: Vec<PciAddress>,
        /// They were named, so that a pause is no obstacle.
        by_name: bool,
        /// Take away VFs that are in use.
        force: bool,
        /// The user who asks.
        by: String,
        /// Told when all passes are over, with the VFs that were taken away.
        done: oneshot::Sender<Vec<TakenVf>>,
    },
    /// Read the policies again.
    Reload {
        /// The user who asks.
        by: String,
        /// Told when they are read, and in force where they are good.
        done: oneshot::Sender<()>,
    },
    /// Wait.
    Settle {
        /// Told when nothing is at work and everything is written.
        done: oneshot::Sender<()>,
    },
    /// Hold changes.
    Pause {
        /// Of which PFs.
        scope: PauseScope,
        /// Until when, and the user who asks.
        pause: Pause,
        /// Told when the pause is in force, and whether it will survive a restart.
        done: oneshot::Sender<Result<(), String>>,
    },
    /// End pauses.
    Resume {
        /// Of which PFs.
        scope: PauseScope,
        /// The user who asks.
        by: String,
        /// Told when they are over, and whether that will survive a restart.
        done: oneshot::Sender<Result<(), String>>,
    },
}

/// All that the agent knows at one moment: one value that is replaced and never changed in place.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// The PFs and VFs.
    pub world: Arc<World<KnownPf>>,
    /// How that is told to people, with networks, files and pauses.
    pub status: Arc<Status>,
    /// The node as the settings name it, which is what policies see.
    pub node: Arc<Node>,
    /// The policies and networks in force.
    pub policies: Arc<PolicySet>,
    /// What has become of each source, as of the last reading.
    pub sources: Arc<Vec<SourceReport>>,
}

impl View {
    /// What the last pass over each PF saw.
    pub fn seen(&self) -> impl Iterator<Item = (PciAddress, &Arc<Seen>)> {
        let pfs = self.world.pfs().iter();
        pfs.filter_map(|(&address, pf)| Some((address, pf.seen.as_ref()?)))
    }
}

/// What the agent remembers over restarts, from where it is kept.
pub trait Remembers: Send + Sync {
    /// As it is now.
    fn memory(&self) -> Arc<Memory>;
}

impl Remembers for Memory {
    fn memory(&self) -> Arc<Memory> {
        Arc::new(self.clone())
    }
}

/// Which PFs a pause is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PauseScope {
    /// All, also those that come later.
    All,
    /// These.
    Pfs(Vec<PciAddress>),
}

/// What the API works with. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct State {
    /// What the agent knows, always the newest.
    pub view: watch::Receiver<Arc<View>>,
    /// The host, for answers that need a look at it.
    pub host: Arc<dyn Host>,
    /// What the agent remembers.
    pub memory: Arc<dyn Remembers>,
    /// What only the daemon's loop can do is asked for here.
    pub requests: mpsc::Sender<Request>,
    /// Everything that happens.
    pub feed: Feed,
    /// Its members may change what others may only read.
    pub admin_group: Option<String>,
    /// Where sources are kept.
    pub sources: Sources,
}

/// The daemon answers no more requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the daemon is stopping")]
pub struct Stopping;

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("view", &self.view)
            .finish_non_exhaustive()
    }
}

impl State {
    /// What the agent knows now.
    pub fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.borrow())
    }

    /// An error where the daemon takes no more requests, so that what needs one is not begun.
    pub fn is_running(&self) -> Result<(), Stopping> {
        match self.requests.is_closed() {
            true => Err(Stopping),
            false => Ok(()),
        }
    }

    /// Sends a request to the daemon's loop and waits for its answer.
    pub async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<T>) -> Request,
    ) -> Result<T, Stopping> {
        let (reply, answer) = oneshot::channel();
        let sent = self.requests.send(request(reply)).await;
        sent.map_err(|_| Stopping)?;
        answer.await.map_err(|_| Stopping)
    }
}

/// The body of `POST /v1/apply`; none at all is a pass over all PFs.
#[derive(Debug, Clone, PartialEq, Eq, Default, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplyRequest {
    /// Addresses or interface names; none means all PFs.
    #[serde(default)]
    pub pfs: Vec<String>,
    /// Take away VFs that are in use. Only together with `pfs`.
    #[serde(default)]
    pub force: bool,
}

/// The body of `POST /v1/pause` and `/v1/resume`.
#[derive(Debug, Clone, PartialEq, Eq, Default, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PauseRequest {
    /// Addresses or interface names; none means all PFs, also those that come later.
    #[serde(default)]
    pub pfs: Vec<String>,
    /// How many seconds the pause lasts; without it there is no end. Not for `/v1/resume`.
    #[schemars(range(min = 1, max = 31_622_400))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
}

/// The answer to `POST /v1/apply`.
#[derive(Debug, Clone, JsonSchema, Serialize, Deserialize)]
pub struct Applied {
    /// The status after the pass.
    #[serde(flatten)]
    pub status: Status,
    /// VFs that were in use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taken: Vec<TakenVf>,
}

#[cfg(test)]
mod tests;
