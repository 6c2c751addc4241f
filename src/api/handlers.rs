//! One function per request.

use super::peer::Peer;
use super::{ApplyRequest, ProblemDetails, Request, State};
use crate::daemon::coordinator::Shared;
use crate::daemon::status::Status;
use crate::forecast::{self, Forecast, PfForecast};
use crate::host::{HostError, Look};
use crate::model::{HostSnapshot, PciAddress};
use crate::report::{PfReport, PfState};
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{ConnectInfo, State as Extract};
use axum::http::StatusCode;
use std::collections::BTreeMap;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

type Answer<T> = Result<Json<T>, ProblemDetails>;

pub(super) async fn status(Extract(state): Extract<State>) -> Json<Status> {
    Json(current(&state))
}

pub(super) async fn snapshot(Extract(state): Extract<State>) -> Answer<HostSnapshot> {
    let shared = ask_share(&state).await?;
    let hung = hung(&current(&state));
    blocking(&shared.clone(), move || look_at_all(&shared, &hung))
        .await
        .map(Json)
}

pub(super) async fn plan(Extract(state): Extract<State>) -> Answer<Forecast> {
    let shared = ask_share(&state).await?;
    let hung = hung(&current(&state));
    let forecast = {
        let (shared, hung) = (shared.clone(), hung.clone());
        move || {
            let snapshot = look_at_all(&shared, &hung)?;
            let memory = shared.store.memory();
            Ok(forecast::forecast(&snapshot, &shared.policies, &memory))
        }
    };
    let mut forecast = blocking(&shared, forecast).await?;
    forecast
        .pfs
        .extend(hung.into_values().map(PfForecast::none));
    forecast.pfs.sort_by_key(|pf| pf.address);
    Ok(Json(forecast))
}

pub(super) async fn apply(
    Extract(state): Extract<State>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    body: Result<Json<ApplyRequest>, JsonRejection>,
) -> Answer<Status> {
    may_change(peer)?;
    let Json(request) =
        body.map_err(|error| ProblemDetails::new(error.status(), error.body_text()))?;
    if request.force && request.pfs.is_empty() {
        let detail = "force takes VFs away from who uses them: name the PFs that it is for";
        return Err(ProblemDetails::new(StatusCode::BAD_REQUEST, detail));
    }
    let shared = ask_share(&state).await?;
    let pfs = find_pfs(&current(&state), &shared, request.pfs).await?;
    let (done, wait) = oneshot::channel();
    let by = peer.to_string();
    send(
        &state,
        Request::Apply {
            pfs,
            force: request.force,
            by,
            done,
        },
    )
    .await?;
    wait.await.map_err(|_| stopping())?;
    Ok(Json(current(&state)))
}

pub(super) async fn reload(
    Extract(state): Extract<State>,
    ConnectInfo(peer): ConnectInfo<Peer>,
) -> Answer<Status> {
    may_change(peer)?;
    let (done, wait) = oneshot::channel();
    send(
        &state,
        Request::Reload {
            by: peer.to_string(),
            done,
        },
    )
    .await?;
    wait.await.map_err(|_| stopping())?;
    Ok(Json(current(&state)))
}

pub(super) async fn not_found() -> ProblemDetails {
    ProblemDetails::new(
        StatusCode::NOT_FOUND,
        "there is nothing here; see /v1/status",
    )
}

fn current(state: &State) -> Status {
    (**state.status.borrow()).clone()
}

fn may_change(peer: Peer) -> Result<(), ProblemDetails> {
    if peer.may_change() {
        return Ok(());
    }
    let detail = format!("{peer} may read; changing is for root");
    Err(ProblemDetails::new(StatusCode::FORBIDDEN, detail))
}

/// Addresses as they are, interface names by what the status knows; none means all.
async fn find_pfs(
    status: &Status,
    shared: &Shared,
    names: Vec<String>,
) -> Result<Vec<PciAddress>, ProblemDetails> {
    let host = std::sync::Arc::clone(&shared.host);
    let present = blocking(shared, move || host.pfs()).await?;
    if names.is_empty() {
        return Ok(present.into_iter().collect());
    }
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

/// The node as the settings name it, which is what policies see.
fn look_at_all(
    shared: &Shared,
    hung: &BTreeMap<PciAddress, PfReport>,
) -> Result<HostSnapshot, HostError> {
    let mut pfs = BTreeMap::new();
    for address in shared.host.pfs()? {
        // It would hold us, too.
        if !hung.contains_key(&address) {
            let pf = shared.host.observe(address, Look::WithHolders)?;
            pfs.extend(pf.map(|pf| (address, pf)));
        }
    }
    let node = (*shared.node).clone();
    Ok(HostSnapshot { node, pfs })
}

fn hung(status: &Status) -> BTreeMap<PciAddress, PfReport> {
    let hung = status.pfs.iter().filter(|pf| pf.state == PfState::Hung);
    hung.map(|pf| (pf.address, pf.clone())).collect()
}

async fn ask_share(state: &State) -> Result<Shared, ProblemDetails> {
    let (reply, shared) = oneshot::channel();
    send(state, Request::Share { reply }).await?;
    shared.await.map_err(|_| stopping())
}

async fn send(state: &State, request: Request) -> Result<(), ProblemDetails> {
    state.requests.send(request).await.map_err(|_| stopping())
}

/// Whoever asks is not kept waiting for a kernel call that does not come back.
async fn blocking<T: Send + 'static>(
    shared: &Shared,
    work: impl FnOnce() -> Result<T, HostError> + Send + 'static,
) -> Result<T, ProblemDetails> {
    let failed = |detail| ProblemDetails::new(StatusCode::INTERNAL_SERVER_ERROR, detail);
    let patience = shared.settings.limits.step_deadline;
    match timeout(patience, spawn_blocking(work)).await {
        Ok(Ok(result)) => result.map_err(|error| failed(error.to_string())),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(_) => {
            let detail = format!("the kernel has not answered for {} s", patience.as_secs());
            Err(ProblemDetails::new(StatusCode::GATEWAY_TIMEOUT, detail))
        }
    }
}

fn stopping() -> ProblemDetails {
    ProblemDetails::new(StatusCode::SERVICE_UNAVAILABLE, "the daemon is stopping")
}
