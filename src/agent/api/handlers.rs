//! One function per request.

use super::context::{Answer, Api, Written, hung, look_at_all, no_such_pf};
use super::{NetworkDetail, PfDetail, PolicyDetail, ProblemDetails, stream};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State as Extract};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Deserialize;
use sriovd_core::host::Look;
use sriovd_core::model::PciAddress;
use sriovd_core::report::PfReport;
use sriovd_sim::forecast::{self, Forecast, PfForecast};
use std::sync::Arc;

pub(super) async fn status(Extract(api): Extract<Api>) -> Response {
    Json(&*api.status()).into_response()
}

/// The whole, or for a client that accepts nothing else a stream of it.
pub(super) async fn world(Extract(api): Extract<Api>, headers: HeaderMap) -> Written {
    let accepted = headers.get(header::ACCEPT).and_then(|it| it.to_str().ok());
    if accepted.is_some_and(|accepted| accepted.starts_with(stream::EVENTS)) {
        let worlds = stream::worlds(api.state.view.clone());
        return stream::follow(worlds, &api.world_followers, api.limits.patience);
    }
    let world = Arc::clone(&api.view().world);
    api.write(move || Json(&*world).into_response()).await
}

pub(super) async fn snapshot(Extract(api): Extract<Api>) -> Written {
    let (view, host) = (api.view(), Arc::clone(&api.state.host));
    let seen = api
        .look(move || look_at_all(&*host, &view, Look::WithHolders, &hung(&view.status)))
        .await?;
    api.write(move || Json(seen).into_response()).await
}

/// The query of `/v1/plan`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PlanQuery {
    /// Addresses or interface names, with commas between them; none means all.
    #[serde(default)]
    pfs: String,
    /// As if VFs in use could be taken away.
    #[serde(default)]
    force: bool,
}

pub(super) async fn plan(
    Extract(api): Extract<Api>,
    query: Result<Query<PlanQuery>, QueryRejection>,
) -> Answer<Forecast> {
    let Query(PlanQuery { pfs, force }) = query
        .map_err(|rejection| ProblemDetails::new(StatusCode::BAD_REQUEST, rejection.body_text()))?;
    let names = pfs.split(',').filter(|name| !name.is_empty());
    let names: Vec<_> = names.map(str::to_owned).collect();
    let asked = match names.is_empty() {
        true => None,
        false => Some(api.find_pfs(names).await?),
    };
    let view = api.view();
    let hung = hung(&view.status);
    let forecast = {
        let (hung, host) = (hung.clone(), Arc::clone(&api.state.host));
        let memory = Arc::clone(&api.state.memory);
        move || {
            // A plan that knows less than a pass would promise what is then refused.
            let snapshot = look_at_all(&*host, &view, Look::WithHolders, &hung)?;
            let ask = |pf| host.observe(pf, Look::Asking);
            let memory = memory.memory();
            forecast::forecast_asking(snapshot, &view.policies, &memory, force, ask)
        }
    };
    let mut forecast = api.look(forecast).await?;
    let untold = hung.into_values().map(PfForecast::none);
    forecast.pfs.extend(untold);
    forecast.pfs.sort_by_key(|pf| pf.address);
    if let Some(asked) = asked {
        forecast.pfs.retain(|pf| asked.contains(&pf.address));
    }
    Ok(Json(forecast))
}

pub(super) async fn pfs(Extract(api): Extract<Api>) -> Written {
    let view = api.view();
    api.write(move || Json(PfDetail::all(&view)).into_response())
        .await
}

pub(super) async fn pf(Extract(api): Extract<Api>, Path(name): Path<String>) -> Answer<PfDetail> {
    let view = api.view();
    let address: Option<PciAddress> = name.parse().ok();
    let is = |pf: &&PfReport| Some(pf.address) == address || pf.interface.as_ref() == Some(&name);
    let found = view.status.pfs.iter().find(is);
    let found = found.ok_or_else(|| no_such_pf(&name))?;
    Ok(Json(PfDetail::of(&view, found)))
}

pub(super) async fn policies(Extract(api): Extract<Api>) -> Written {
    let view = api.view();
    api.write(move || Json(PolicyDetail::all(&view)).into_response())
        .await
}

pub(super) async fn networks(Extract(api): Extract<Api>) -> Json<Vec<NetworkDetail>> {
    Json(NetworkDetail::all(&api.view()))
}

pub(super) async fn events(Extract(api): Extract<Api>) -> Result<Response, ProblemDetails> {
    let events = stream::events(api.state.feed.follow());
    stream::follow(events, &api.followers, api.limits.patience)
}

/// All of this as programs read it; a test holds it to what the handlers answer.
pub(super) const OPENAPI: &str = include_str!("openapi.json");

pub(super) async fn openapi() -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (kind, OPENAPI).into_response()
}

pub(super) async fn not_found() -> ProblemDetails {
    let detail = "there is nothing here; see /openapi.json";
    ProblemDetails::new(StatusCode::NOT_FOUND, detail)
}

pub(super) fn misdirected() -> ProblemDetails {
    let detail = "this is for programs on this host, which call it localhost or by its address";
    ProblemDetails::new(StatusCode::MISDIRECTED_REQUEST, detail)
}

pub(super) async fn wrong_method(method: Method) -> ProblemDetails {
    let detail = format!("{method} is not for this path");
    ProblemDetails::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}
