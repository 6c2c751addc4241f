//! Requests that change something.

use super::clock::since_1970;
use super::context::{Answer, Api, Written};
use super::peer::Peer;
use super::{Applied, ApplyRequest, PauseRequest, PauseScope, ProblemDetails, Request, input};
use axum::body::Body;
use axum::extract::State as Extract;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::{Extension, Json};
use sriovd_core::model::Timestamp;
use sriovd_core::report::Pause;
use std::time::Duration;

/// A pause without end has none; one with an end is not for ever.
const LONGEST_PAUSE: Duration = Duration::from_secs(366 * 24 * 60 * 60);

pub(super) async fn apply(
    Extract(api): Extract<Api>,
    Extension(peer): Extension<Peer>,
    body: Body,
) -> Answer<Applied> {
    api.may_change(&peer).await?;
    let ApplyRequest { pfs, force } = input::read(body, api.limits.patience).await?;
    if force && pfs.is_empty() {
        return Err(bad_request(
            "force takes VFs away from their holders: name the PFs in \"pfs\"",
        ));
    }
    let by_name = !pfs.is_empty();
    let pfs = api.find_pfs(pfs).await?;
    let by = peer.to_string();
    let taken = api
        .ask(|done| Request::Apply {
            pfs,
            by_name,
            force,
            by,
            done,
        })
        .await?;
    let status = (*api.status()).clone();
    Ok(Json(Applied { status, taken }))
}

pub(super) async fn reload(
    Extract(api): Extract<Api>,
    Extension(peer): Extension<Peer>,
) -> Written {
    api.may_change(&peer).await?;
    let by = peer.to_string();
    api.ask(|done| Request::Reload { by, done }).await?;
    Ok(Json(&*api.status()).into_response())
}

pub(super) async fn pause(
    Extract(api): Extract<Api>,
    Extension(peer): Extension<Peer>,
    body: Body,
) -> Written {
    api.may_change(&peer).await?;
    let PauseRequest { pfs, seconds } = input::read(body, api.limits.patience).await?;
    let length = seconds.map(Duration::from_secs);
    if length.is_some_and(|length| length.is_zero() || length > LONGEST_PAUSE) {
        let most = LONGEST_PAUSE.as_secs();
        let detail = format!("a pause lasts from 1 to {most} seconds, or has no end");
        return Err(bad_request(detail));
    }
    let pause = Pause {
        until: length.map(|length| Timestamp::not_before(since_1970() + length)),
        by: peer.to_string(),
    };
    let scope = find_scope(&api, pfs).await?;
    let kept = api
        .ask(|done| Request::Pause { scope, pause, done })
        .await?;
    told(&api, kept)
}

pub(super) async fn resume(
    Extract(api): Extract<Api>,
    Extension(peer): Extension<Peer>,
    body: Body,
) -> Written {
    api.may_change(&peer).await?;
    let PauseRequest { pfs, seconds } = input::read(body, api.limits.patience).await?;
    if seconds.is_some() {
        return Err(bad_request(
            "/v1/resume ends a pause at once: leave \"seconds\" out",
        ));
    }
    let scope = find_scope(&api, pfs).await?;
    if matches!(scope, PauseScope::Pfs(_)) && api.status().pauses.all.is_some() {
        let detail = "all PFs are paused: they can only be resumed together";
        return Err(ProblemDetails::new(StatusCode::CONFLICT, detail));
    }
    let by = peer.to_string();
    let kept = api.ask(|done| Request::Resume { scope, by, done }).await?;
    told(&api, kept)
}

fn told(api: &Api, kept: Result<(), String>) -> Written {
    match kept {
        Ok(()) => Ok(Json(&*api.status()).into_response()),
        Err(error) => {
            let detail = format!("done, but it will not survive a restart: {error}");
            Err(ProblemDetails::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                detail,
            ))
        }
    }
}

fn bad_request(detail: impl Into<String>) -> ProblemDetails {
    ProblemDetails::new(StatusCode::BAD_REQUEST, detail)
}

async fn find_scope(api: &Api, names: Vec<String>) -> Result<PauseScope, ProblemDetails> {
    match names.is_empty() {
        true => Ok(PauseScope::All),
        false => api.find_pfs(names).await.map(PauseScope::Pfs),
    }
}
