//! What every request works with: the newest view, the daemon's loop, and looks at the host.

use super::drawn::Drawn;
use super::{Limits, ProblemDetails, Request, State, View, stream};
use axum::Json;
use axum::http::StatusCode;
use axum::response::Response;
use sriovd_core::host::{Host, HostError, Look};
use sriovd_core::model::{HostSnapshot, PciAddress};
use sriovd_core::report::{PfReport, PfState, Status};
use sriovd_wire::peer::Peer;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::timeout;

/// So many threads at most may be lost to a driver that hangs.
const LOOKS_AT_ONCE: usize = 4;

/// Readers, however many, leave the other processors to the passes.
const WRITTEN_AT_ONCE: usize = 1;

#[derive(Debug, Clone)]
pub(super) struct Api {
    pub(super) state: State,
    pub(super) limits: Limits,
    looks: Arc<Semaphore>,
    writing: Arc<Semaphore>,
    pub(super) drawn: Arc<Drawn>,
    pub(super) followers: Arc<Semaphore>,
    pub(super) world_followers: Arc<Semaphore>,
}

impl Api {
    pub(super) fn new(state: State, limits: Limits) -> Self {
        Self {
            state,
            limits,
            looks: Arc::new(Semaphore::new(LOOKS_AT_ONCE)),
            writing: Arc::new(Semaphore::new(WRITTEN_AT_ONCE)),
            drawn: Arc::default(),
            followers: Arc::new(Semaphore::new(stream::FOLLOWERS)),
            world_followers: Arc::new(Semaphore::new(stream::FOLLOWERS)),
        }
    }

    /// An error where this peer may not change anything.
    pub(super) async fn may_change(&self, peer: &Peer) -> Result<(), ProblemDetails> {
        let allowed = peer.ask_to_change(self.state.admin_group.as_deref());
        allowed
            .await
            .map_err(|refused| ProblemDetails::new(StatusCode::FORBIDDEN, refused.to_string()))
    }

    /// The same of what is the bridge's to a cluster, which runs as a user of its own and may change nothing else.
    pub(super) async fn may_change_as_bridge(&self, peer: &Peer) -> Result<(), ProblemDetails> {
        match peer.is_user("sriovd-kube").await {
            true => Ok(()),
            false => self.may_change(peer).await,
        }
    }

    pub(super) fn status(&self) -> Arc<Status> {
        Arc::clone(&self.state.view.borrow().status)
    }

    pub(super) fn view(&self) -> Arc<View> {
        self.state.view()
    }

    /// Sends a request to the daemon's loop and waits for its answer.
    pub(super) async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<T>) -> Request,
    ) -> Result<T, ProblemDetails> {
        let answer = self.state.ask(request).await;
        answer.map_err(|stopping| {
            ProblemDetails::new(StatusCode::SERVICE_UNAVAILABLE, stopping.to_string())
        })
    }

    /// Addresses as they are, interface names by what the status knows; none means all.
    pub(super) async fn find_pfs(
        &self,
        names: Vec<String>,
    ) -> Result<Vec<PciAddress>, ProblemDetails> {
        let host = Arc::clone(&self.state.host);
        let present = self.look(move || host.pfs()).await?;
        if names.is_empty() {
            return Ok(present.into_iter().collect());
        }
        let status = self.status();
        let find = |name: String| {
            let by_name = status
                .pfs
                .iter()
                .find(|pf| pf.interface.as_ref() == Some(&name));
            let address = by_name.map(|pf| pf.address).or_else(|| name.parse().ok());
            address
                .filter(|address| present.contains(address))
                .ok_or_else(|| no_such_pf(&name))
        };
        names.into_iter().map(find).collect()
    }

    /// Puts a large answer together, on a thread of its own: the one that answers also coordinates.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ProblemDetails> {
        let place = Arc::clone(&self.writing).acquire_owned().await;
        let written = spawn_blocking(move || {
            let written = work();
            drop(place);
            written
        });
        let failed = |error: JoinError| {
            ProblemDetails::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
        };
        written.await.map_err(failed)
    }

    /// On a thread of its own, because a driver may hang.
    pub(super) async fn look<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, HostError> + Send + 'static,
    ) -> Result<T, ProblemDetails> {
        let looks = Arc::clone(&self.looks);
        let look = async {
            let place = looks.acquire_owned().await;
            spawn_blocking(move || {
                let result = work();
                drop(place);
                result
            })
            .await
        };
        let failed = |status, detail: String| Err(ProblemDetails::new(status, detail));
        match timeout(self.limits.look, look).await {
            Ok(Ok(Ok(seen))) => Ok(seen),
            Ok(Ok(Err(error))) => failed(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
            Ok(Err(error)) => failed(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
            Err(_) => {
                let seconds = self.limits.look.as_secs_f32();
                let detail = format!("the host could not be looked at within {seconds} s");
                failed(StatusCode::GATEWAY_TIMEOUT, detail)
            }
        }
    }
}

pub(super) type Answer<T> = Result<Json<T>, ProblemDetails>;
pub(super) type Written = Result<Response, ProblemDetails>;

pub(super) fn no_such_pf(name: &str) -> ProblemDetails {
    let detail = format!("{name:?} is neither the address nor the interface of a PF here");
    ProblemDetails::new(StatusCode::NOT_FOUND, detail)
}

pub(super) fn look_at_all(
    host: &dyn Host,
    view: &View,
    look: Look,
    hung: &Hung,
) -> Result<HostSnapshot, HostError> {
    let pfs = host.pfs()?.into_iter();
    // It would hold us, too.
    look_at(
        host,
        view,
        look,
        pfs.filter(|address| !hung.contains_key(address)),
    )
}

pub(super) fn look_at(
    host: &dyn Host,
    view: &View,
    look: Look,
    addresses: impl IntoIterator<Item = PciAddress>,
) -> Result<HostSnapshot, HostError> {
    let mut pfs = BTreeMap::new();
    for address in addresses {
        let pf = host.observe(address, look)?;
        pfs.extend(pf.map(|pf| (address, pf)));
    }
    let node = (*view.node).clone();
    Ok(HostSnapshot { node, pfs })
}

/// PFs over which a kernel call has not come back.
pub(super) type Hung = BTreeMap<PciAddress, PfReport>;

pub(super) fn hung(status: &Status) -> Hung {
    let hung = status.pfs.iter().filter(|pf| pf.state == PfState::Hung);
    hung.map(|pf| (pf.address, pf.clone())).collect()
}
