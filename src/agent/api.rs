//! HTTP and JSON on a Unix socket: read what is, ask for a pass.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/status` | [`Status`](sriovd_core::report::Status) |
//! | `GET /v1/world` | [`World`](sriovd_core::model::world::World); as server-sent events [`WorldChange`](sriovd_core::model::world::WorldChange)s |
//! | `GET /v1/snapshot` | [`HostSnapshot`](sriovd_core::model::HostSnapshot), looked at now |
//! | `GET /v1/plan` | [`Forecast`](sriovd_sim::forecast::Forecast): what a pass would do now |
//! | `GET /v1/pfs`, `/v1/pfs/{pf}` | [`PfDetail`]: what the last pass saw and what is wanted |
//! | `GET /v1/policies` | [`PolicyDetail`]: where each stands and where it holds |
//! | `GET /v1/networks` | [`NetworkDetail`]: where each stands and what it has |
//! | `GET /v1/sources`, `/v1/sources/{name}` | [`SourceSummary`], [`SourceReport`](sriovd_core::policy::source::SourceReport): what programs put |
//! | `PUT /v1/sources/{name}` | replaces all that a program wants; then its [`SourceReport`](sriovd_core::policy::source::SourceReport) |
//! | `DELETE /v1/sources/{name}` | removes it; then the [`SourceSummary`] of the others |
//! | `POST /v1/sources/{name}/plan` | [`Forecast`](sriovd_sim::forecast::Forecast): what would follow from it |
//! | `GET /v1/kubelet/allocations` | [`KubeletAllocations`](sriovd_wire::kubelet::KubeletAllocations): VFs that kubelet gave to pods |
//! | `POST /v1/kubelet/allocations` | kubelet is about to give VFs to a pod: on disk before the answer |
//! | `PUT /v1/kubelet/allocations` | all that kubelet has given away; others are released |
//! | `GET /v1/events` | [`Event`](sriovd_core::report::Event)s as server-sent events |
//! | `POST /v1/apply` | [`Applied`]: a pass over some PFs or all, then the status |
//! | `POST /v1/pause`, `/v1/resume` | changes held, or no longer; then the status |
//! | `GET /metrics`, `/openapi.json` | counters for Prometheus; all of this as programs read it |
//! | `POST /v1/reload` | policies read again, then the status |
//!
//! Errors are RFC 9457 problem objects. Changing is for root, the user the daemon runs as, and the
//! members of the admin group; over TLS for those whose certificate the settings name.
#![warn(missing_docs)]

mod body;
mod changes;
mod clock;
mod context;
mod counters;
mod detail;
mod drawn;
mod feed;
mod foresight;
mod handlers;
mod kubelet;
mod metrics;
mod page;
mod picture;
mod server;
mod sources;
mod state;
mod stream;
mod tls;

pub use body::{Applied, ApplyRequest, PauseRequest};
pub use clock::since_1970;
pub use detail::{NetworkDetail, PfDetail, PolicyDetail};
pub use feed::Feed;
pub use server::{Tcp, serve, serve_stream};
pub use sources::{SOURCE_LIMIT, SourceSummary};
pub use sriovd_wire::peer::Peer;
pub use sriovd_wire::problem::ProblemDetails;
pub use sriovd_wire::serve::{LIMITS, Limits};
pub use sriovd_wire::socket::{bind, listen};
use sriovd_wire::{input, peer, problem};
pub use state::{Kubelet, PauseScope, Remembers, Request, Sources, State, Stopping, View};
pub use tls::{Tls, TlsError, TlsFiles};

#[cfg(test)]
mod tests;
