//! HTTP and JSON on a Unix socket: read what is, ask for a pass.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/status` | [`Status`](crate::daemon::status::Status) |
//! | `GET /v1/snapshot` | [`HostSnapshot`](crate::model::HostSnapshot), looked at now |
//! | `GET /v1/plan` | [`Forecast`](crate::forecast::Forecast): what a pass would do now |
//! | `POST /v1/apply` | [`Applied`]: a pass over some PFs or all, then the status |
//! | `POST /v1/reload` | policies read again, then the status |
//!
//! Errors are RFC 9457 problem objects. Changing is for root and the user the daemon runs as.

mod handlers;
mod peer;
mod problem;

use crate::daemon::coordinator::Shared;
use crate::daemon::status::Status;
use crate::model::PciAddress;
use crate::report::TakenVf;
use anyhow::Context;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use peer::Peer;
pub use problem::ProblemDetails;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use tokio::net::UnixListener;
use tokio::sync::{mpsc, oneshot, watch};

/// Bodies are a list of PF names: nothing sensible is larger.
const BODY_LIMIT: usize = 64 * 1024;

/// Something that only the coordinator can do or knows.
#[derive(Debug)]
pub enum Request {
    Share {
        reply: oneshot::Sender<Shared>,
    },
    Apply {
        pfs: Vec<PciAddress>,
        force: bool,
        by: String,
        done: oneshot::Sender<Vec<TakenVf>>,
    },
    Reload {
        by: String,
        done: oneshot::Sender<()>,
    },
}

#[derive(Debug, Clone)]
pub struct State {
    pub status: watch::Receiver<Arc<Status>>,
    pub requests: mpsc::Sender<Request>,
}

/// The body of `POST /v1/apply`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplyRequest {
    /// Addresses or interface names; none means all PFs.
    #[serde(default)]
    pub pfs: Vec<String>,
    /// Take away VFs that are in use. Only together with `pfs`.
    #[serde(default)]
    pub force: bool,
}

/// The answer to `POST /v1/apply`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Applied {
    #[serde(flatten)]
    pub status: Status,
    /// VFs that were in use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taken: Vec<TakenVf>,
}

/// Binds the socket; one left behind by a crash is replaced.
pub fn listen(path: &Path) -> anyhow::Result<UnixListener> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)
            .with_context(|| format!("cannot create {}", directory.display()))?;
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot replace {}", path.display()));
        }
        _ => {}
    }
    let listener =
        UnixListener::bind(path).with_context(|| format!("cannot listen on {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o660))
        .with_context(|| format!("cannot set the mode of {}", path.display()))?;
    Ok(listener)
}

pub async fn serve(listener: UnixListener, state: State) -> anyhow::Result<Infallible> {
    let router = router(state).into_make_service_with_connect_info::<Peer>();
    axum::serve(listener, router)
        .await
        .context("cannot serve")?;
    anyhow::bail!("the listener was closed")
}

fn router(state: State) -> Router {
    Router::new()
        .route("/v1/status", get(handlers::status))
        .route("/v1/snapshot", get(handlers::snapshot))
        .route("/v1/plan", get(handlers::plan))
        .route("/v1/apply", post(handlers::apply))
        .route("/v1/reload", post(handlers::reload))
        .fallback(handlers::not_found)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(state)
}
