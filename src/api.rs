//! HTTP and JSON on a Unix socket: read what is, ask for a pass.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/status` | [`Status`] |
//! | `GET /v1/snapshot` | [`HostSnapshot`](crate::model::HostSnapshot), looked at now |
//! | `GET /v1/plan` | [`Forecast`](crate::forecast::Forecast): what a pass would do now |
//! | `GET /v1/pfs`, `/v1/pfs/{pf}` | [`PfDetail`]: what the last pass saw and what is wanted |
//! | `GET /v1/policies` | [`PolicyDetail`]: where each stands and where it holds |
//! | `GET /v1/networks` | [`NetworkDetail`]: where each stands and what it has |
//! | `GET /v1/events` | [`Event`](crate::report::Event)s as server-sent events |
//! | `POST /v1/apply` | [`Applied`]: a pass over some PFs or all, then the status |
//! | `POST /v1/pause`, `/v1/resume` | changes held, or no longer; then the status |
//! | `GET /metrics`, `/openapi.json` | counters for Prometheus; all of this as programs read it |
//! | `POST /v1/reload` | policies read again, then the status |
//!
//! Errors are RFC 9457 problem objects. Changing is for root, the user the daemon runs as, and the
//! members of the admin group; over TLS for those whose certificate the settings name.

mod changes;
mod clock;
mod counters;
mod detail;
mod feed;
mod foresight;
mod handlers;
mod input;
mod metrics;
mod page;
mod peer;
mod picture;
mod problem;
mod server;
mod socket;
mod stream;
mod tls;

use crate::host::Host;
use crate::model::{Node, PciAddress};
use crate::plan::Memory;
use crate::policy::PolicySet;
use crate::report::{Pause, Seen, Status, TakenVf};
pub use clock::since_1970;
pub use detail::{NetworkDetail, PfDetail, PolicyDetail};
pub use feed::Feed;
pub use foresight::Refusals;
pub use input::read as read_body;
pub use peer::{MayOnlyRead, Peer, is_for_this_host};
pub use problem::ProblemDetails;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
pub use server::{LIMITS, Limits, Tcp, serve, serve_stream, serve_tcp, serve_unix};
pub use socket::{bind, listen};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
pub use tls::{Tls, TlsError, TlsFiles};
use tokio::sync::{mpsc, oneshot, watch};

/// Something that only the coordinator can do or knows.
#[derive(Debug)]
pub enum Request {
    View {
        reply: oneshot::Sender<View>,
    },
    Apply {
        pfs: Vec<PciAddress>,
        /// Somebody named them, so that a pause is no obstacle.
        by_name: bool,
        force: bool,
        by: String,
        done: oneshot::Sender<Vec<TakenVf>>,
    },
    Reload {
        by: String,
        done: oneshot::Sender<()>,
    },
    /// Told when nothing is at work and everything is written.
    Settle {
        done: oneshot::Sender<()>,
    },
    /// `done` is told when the pause is in force, and whether it will survive a restart.
    Pause {
        scope: PauseScope,
        pause: Pause,
        done: oneshot::Sender<Result<(), String>>,
    },
    Resume {
        scope: PauseScope,
        by: String,
        done: oneshot::Sender<Result<(), String>>,
    },
}

/// What answers are made from, beside the status. Costs the coordinator no more than to point to it.
#[derive(Clone)]
pub struct View {
    pub host: Arc<dyn Host>,
    /// The node as the settings name it, which is what policies see.
    pub node: Arc<Node>,
    pub policies: Arc<PolicySet>,
    /// What the last pass over each PF saw.
    pub seen: BTreeMap<PciAddress, Arc<Seen>>,
    pub memory: Arc<dyn Remembers>,
}

/// Who knows what the agent remembers.
pub trait Remembers: Send + Sync {
    fn memory(&self) -> Arc<Memory>;
}

impl Remembers for Memory {
    fn memory(&self) -> Arc<Memory> {
        Arc::new(self.clone())
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View")
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PauseScope {
    All,
    Pfs(Vec<PciAddress>),
}

#[derive(Debug, Clone)]
pub struct State {
    pub status: watch::Receiver<Arc<Status>>,
    pub requests: mpsc::Sender<Request>,
    pub feed: Feed,
    /// Its members may change what others may only read.
    pub admin_group: Option<String>,
}

/// The daemon answers no more requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the daemon is stopping")]
pub struct Stopping;

impl State {
    /// Sends a request to the coordinator and waits for its answer.
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
    #[serde(flatten)]
    pub status: Status,
    /// VFs that were in use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taken: Vec<TakenVf>,
}

#[cfg(test)]
mod tests;
