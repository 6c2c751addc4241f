//! One function per request.

use super::peer::Peer;
use super::{Applied, ApplyRequest, ProblemDetails, Request, State};
use crate::daemon::coordinator::Shared;
use crate::daemon::status::Status;
use crate::forecast::{self, Forecast};
use crate::host::{HostError, Look};
use crate::model::{HostSnapshot, PciAddress};
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{ConnectInfo, State as Extract};
use axum::http::StatusCode;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

type Answer<T> = Result<Json<T>, ProblemDetails>;

pub(super) async fn status(Extract(state): Extract<State>) -> Json<Status> {
    Json(current(&state))
}

pub(super) async fn snapshot(Extract(state): Extract<State>) -> Answer<HostSnapshot> {
    let shared = ask_share(&state).await?;
    blocking(move || look_at_all(&shared)).await.map(Json)
}

pub(super) async fn plan(Extract(state): Extract<State>) -> Answer<Forecast> {
    let shared = ask_share(&state).await?;
    let forecast = move || {
        let snapshot = look_at_all(&shared)?;
        Ok(forecast::forecast(
            &snapshot,
            &shared.policies,
            &shared.store.memory(),
        ))
    };
    blocking(forecast).await.map(Json)
}

pub(super) async fn apply(
    Extract(state): Extract<State>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    body: Result<Json<ApplyRequest>, JsonRejection>,
) -> Answer<Applied> {
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
    let taken = wait.await.map_err(|_| stopping())?;
    let status = current(&state);
    Ok(Json(Applied { status, taken }))
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
    let present = blocking(move || host.pfs()).await?;
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
fn look_at_all(shared: &Shared) -> Result<HostSnapshot, HostError> {
    let snapshot = shared.host.snapshot(Look::WithHolders)?;
    Ok(HostSnapshot {
        node: (*shared.node).clone(),
        ..snapshot
    })
}

async fn ask_share(state: &State) -> Result<Shared, ProblemDetails> {
    let (reply, shared) = oneshot::channel();
    send(state, Request::Share { reply }).await?;
    shared.await.map_err(|_| stopping())
}

async fn send(state: &State, request: Request) -> Result<(), ProblemDetails> {
    state.requests.send(request).await.map_err(|_| stopping())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, HostError> + Send + 'static,
) -> Result<T, ProblemDetails> {
    let failed = |detail| ProblemDetails::new(StatusCode::INTERNAL_SERVER_ERROR, detail);
    match spawn_blocking(work).await {
        Ok(result) => result.map_err(|error| failed(error.to_string())),
        Err(error) => Err(failed(error.to_string())),
    }
}

fn stopping() -> ProblemDetails {
    ProblemDetails::new(StatusCode::SERVICE_UNAVAILABLE, "the daemon is stopping")
}
