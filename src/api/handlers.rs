//! One function per request.

use super::peer::Peer;
use super::server::Limits;
use super::{Applied, ApplyRequest, ProblemDetails, Request, State, View, input};
use crate::forecast::{self, Forecast, PfForecast};
use crate::host::{HostError, Look};
use crate::model::{HostSnapshot, PciAddress};
use crate::report::{PfReport, PfState, Status};
use axum::body::Body;
use axum::extract::State as Extract;
use axum::http::{Method, StatusCode};
use axum::{Extension, Json};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// So many threads at most may be lost to a driver that hangs.
const LOOKS_AT_ONCE: usize = 4;

#[derive(Debug, Clone)]
pub(super) struct Api {
    state: State,
    pub(super) limits: Limits,
    looks: Arc<Semaphore>,
}

impl Api {
    pub(super) fn new(state: State, limits: Limits) -> Self {
        Self {
            state,
            limits,
            looks: Arc::new(Semaphore::new(LOOKS_AT_ONCE)),
        }
    }
}

type Answer<T> = Result<Json<T>, ProblemDetails>;

pub(super) async fn status(Extract(api): Extract<Api>) -> Json<Status> {
    Json(api.status())
}

pub(super) async fn snapshot(Extract(api): Extract<Api>) -> Answer<HostSnapshot> {
    let (view, hung) = (api.view().await?, hung(&api.status()));
    api.look(move || look_at_all(&view, &hung)).await.map(Json)
}

pub(super) async fn plan(Extract(api): Extract<Api>) -> Answer<Forecast> {
    let (view, hung) = (api.view().await?, hung(&api.status()));
    let forecast = {
        let hung = hung.clone();
        move || {
            let snapshot = look_at_all(&view, &hung)?;
            Ok(forecast::forecast(&snapshot, &view.policies, &view.memory))
        }
    };
    let mut forecast = api.look(forecast).await?;
    let untold = hung.into_values().map(PfForecast::none);
    forecast.pfs.extend(untold);
    forecast.pfs.sort_by_key(|pf| pf.address);
    Ok(Json(forecast))
}

pub(super) async fn apply(
    Extract(api): Extract<Api>,
    Extension(peer): Extension<Peer>,
    body: Body,
) -> Answer<Applied> {
    may_change(peer)?;
    let ApplyRequest { pfs, force } = input::read(body, api.limits.patience).await?;
    if force && pfs.is_empty() {
        let detail = "force takes VFs away from who uses them: name the PFs that it is for";
        return Err(ProblemDetails::new(StatusCode::BAD_REQUEST, detail));
    }
    let pfs = api.find_pfs(pfs).await?;
    let by = peer.to_string();
    let taken = api
        .ask(|done| Request::Apply {
            pfs,
            force,
            by,
            done,
        })
        .await?;
    let status = api.status();
    Ok(Json(Applied { status, taken }))
}

pub(super) async fn reload(
    Extract(api): Extract<Api>,
    Extension(peer): Extension<Peer>,
) -> Answer<Status> {
    may_change(peer)?;
    let by = peer.to_string();
    api.ask(|done| Request::Reload { by, done }).await?;
    Ok(Json(api.status()))
}

pub(super) async fn not_found() -> ProblemDetails {
    let detail = "there is nothing here; see /v1/status";
    ProblemDetails::new(StatusCode::NOT_FOUND, detail)
}

pub(super) async fn wrong_method(method: Method) -> ProblemDetails {
    let detail = format!("{method} is not for this path");
    ProblemDetails::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}

fn may_change(peer: Peer) -> Result<(), ProblemDetails> {
    if peer.may_change() {
        return Ok(());
    }
    let detail = format!("{peer} may read; changing is for root");
    Err(ProblemDetails::new(StatusCode::FORBIDDEN, detail))
}

fn look_at_all(view: &View, hung: &Hung) -> Result<HostSnapshot, HostError> {
    let mut pfs = BTreeMap::new();
    for address in view.host.pfs()? {
        // It would hold us, too.
        if !hung.contains_key(&address) {
            let pf = view.host.observe(address, Look::WithHolders)?;
            pfs.extend(pf.map(|pf| (address, pf)));
        }
    }
    let node = (*view.node).clone();
    Ok(HostSnapshot { node, pfs })
}

/// PFs over which a kernel call has not come back.
type Hung = BTreeMap<PciAddress, PfReport>;

fn hung(status: &Status) -> Hung {
    let hung = status.pfs.iter().filter(|pf| pf.state == PfState::Hung);
    hung.map(|pf| (pf.address, pf.clone())).collect()
}

impl Api {
    fn status(&self) -> Status {
        (**self.state.status.borrow()).clone()
    }

    async fn view(&self) -> Result<View, ProblemDetails> {
        self.ask(|reply| Request::View { reply }).await
    }

    /// Sends a request to the coordinator and waits for its answer.
    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<T>) -> Request,
    ) -> Result<T, ProblemDetails> {
        let stopping = || {
            let detail = "the daemon is stopping";
            ProblemDetails::new(StatusCode::SERVICE_UNAVAILABLE, detail)
        };
        let (reply, answer) = oneshot::channel();
        let sent = self.state.requests.send(request(reply)).await;
        sent.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())
    }

    /// Addresses as they are, interface names by what the status knows; none means all.
    async fn find_pfs(&self, names: Vec<String>) -> Result<Vec<PciAddress>, ProblemDetails> {
        let view = self.view().await?;
        let present = self.look(move || view.host.pfs()).await?;
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
                .ok_or_else(|| {
                    let detail =
                        format!("{name:?} is neither the address nor the interface of a PF here");
                    ProblemDetails::new(StatusCode::NOT_FOUND, detail)
                })
        };
        names.into_iter().map(find).collect()
    }

    /// On a thread of its own, because a driver may hang.
    async fn look<T: Send + 'static>(
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
