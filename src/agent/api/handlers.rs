//! One function per request.

use super::Limits;
use super::picture::Drawn;
use super::{NetworkDetail, PfDetail, PolicyDetail, ProblemDetails, Request, State, View, stream};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State as Extract};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Deserialize;
use sriovd_core::host::{Host, HostError, Look};
use sriovd_core::model::{HostSnapshot, PciAddress};
use sriovd_core::report::{PfReport, PfState, Status};
use sriovd_sim::forecast::{self, Forecast, PfForecast};
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
    followers: Arc<Semaphore>,
    world_followers: Arc<Semaphore>,
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
}

pub(super) type Answer<T> = Result<Json<T>, ProblemDetails>;
pub(super) type Written = Result<Response, ProblemDetails>;

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

fn no_such_pf(name: &str) -> ProblemDetails {
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

impl Api {
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
