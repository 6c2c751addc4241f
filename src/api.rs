//! HTTP and JSON on a Unix socket: read what is, ask for a pass.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/status` | [`Status`] |
//! | `GET /v1/snapshot` | [`HostSnapshot`](crate::model::HostSnapshot), looked at now |
//! | `GET /v1/plan` | [`Forecast`](crate::forecast::Forecast): what a pass would do now |
//! | `POST /v1/apply` | a pass over some PFs or all, then their status |
//! | `POST /v1/reload` | policies read again, then the status |
//!
//! Errors are RFC 9457 problem objects. Changing is for root and the user the daemon runs as.

mod handlers;
mod input;
mod peer;
mod problem;
mod server;

use crate::host::Host;
use crate::model::{Node, PciAddress};
use crate::plan::Memory;
use crate::policy::PolicySet;
use crate::report::Status;
use anyhow::Context;
pub use problem::ProblemDetails;
use serde::{Deserialize, Serialize};
pub use server::serve;
use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use tokio::net::UnixListener;
use tokio::sync::{mpsc, oneshot, watch};

/// Something that only the coordinator can do or knows.
#[derive(Debug)]
pub enum Request {
    View {
        reply: oneshot::Sender<View>,
    },
    Apply {
        pfs: Vec<PciAddress>,
        force: bool,
        by: String,
        done: oneshot::Sender<()>,
    },
    Reload {
        by: String,
        done: oneshot::Sender<()>,
    },
}

/// What answers are made from, beside the status.
#[derive(Clone)]
pub struct View {
    pub host: Arc<dyn Host>,
    /// The node as the settings name it, which is what policies see.
    pub node: Arc<Node>,
    pub policies: Arc<PolicySet>,
    pub memory: Memory,
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View")
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone)]
pub struct State {
    pub status: watch::Receiver<Arc<Status>>,
    pub requests: mpsc::Sender<Request>,
}

/// The body of `POST /v1/apply`; none at all is a pass over all PFs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplyRequest {
    /// Addresses or interface names; none means all PFs.
    #[serde(default)]
    pub pfs: Vec<String>,
    /// Take away VFs that are in use. Only together with `pfs`.
    #[serde(default)]
    pub force: bool,
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

#[cfg(test)]
mod tests;
