//! Sources: what programs want, replaced as a whole, and in force at the next boot before any of them runs.

use super::context::{Answer, Api, Written};
use super::peer::Peer;
use super::{ProblemDetails, Request, Sources, input};
use crate::state::sources::SourceFiles;
use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State as Extract};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::{Extension, Json};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sriovd_core::model::SourceName;
pub use sriovd_core::policy::source::SOURCE_LIMIT;
use sriovd_core::policy::source::{self, ItemFault, ItemKind, SourceReport};
use sriovd_host::file::FileError;
use std::io::ErrorKind;
use std::path::Path as FsPath;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// A source in one line.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct SourceSummary {
    /// The source's name.
    pub name: SourceName,
    /// How many policies it has, those that are not in order included.
    pub policies: usize,
    /// How many networks it has, those that are not in order included.
    pub networks: usize,
    /// How many errors there are in it.
    pub errors: usize,
}

impl SourceSummary {
    fn of(report: &SourceReport) -> Self {
        let count = |kind| report.items.iter().filter(|it| it.kind == kind).count();
        Self {
            name: report.name.clone(),
            policies: count(ItemKind::Policy),
            networks: count(ItemKind::Network),
            errors: report.all_faults().filter(|it| it.is_error()).count(),
        }
    }

    fn all(reports: &[SourceReport]) -> Vec<Self> {
        reports.iter().map(Self::of).collect()
    }
}

pub(super) async fn list(Extract(api): Extract<Api>) -> Answer<Vec<SourceSummary>> {
    Ok(Json(SourceSummary::all(&api.state.view().sources)))
}

pub(super) async fn show(
    Extract(api): Extract<Api>,
    Path(name): Path<String>,
) -> Answer<SourceReport> {
    let name = parse(&name)?;
    let view = api.state.view();
    let found = view.sources.iter().find(|report| report.name == name);
    found
        .cloned()
        .map(Json)
        .ok_or_else(|| no_such_source(&name))
}

/// The query of `PUT /v1/sources/{name}`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PutQuery {
    /// Answer when everything that follows from it is done, or after so many seconds.
    #[schemars(range(max = 60))]
    #[serde(default)]
    wait: u64,
}

const LONGEST_WAIT: u64 = 60;

pub(super) async fn put(
    Extract(api): Extract<Api>,
    Extension(peer): Extension<Peer>,
    Path(name): Path<String>,
    query: Result<Query<PutQuery>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Written {
    may_change_source(&api, &peer, &name).await?;
    let name = parse(&name)?;
    let wait = wait_of(query)?;
    let body = self::body(&headers, body, &api).await?;
    let read = source::read(&name, &body);
    let text = match read.map(|document| document.to_text()) {
        Ok(text) if text.len() <= SOURCE_LIMIT => text,
        Ok(_) => {
            let detail = format!("the source is larger than {SOURCE_LIMIT} bytes as it is kept");
            return Err(ProblemDetails::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
        }
        Err(faults) => {
            let detail = format!("source {name} stays as it is: {}", first(&faults));
            let problem = ProblemDetails::new(StatusCode::BAD_REQUEST, detail);
            return Err(problem.with_faults(faults));
        }
    };
    let report = change(&api, peer, move |api, by| async move {
        let (kept, put) = (text.clone(), name.clone());
        let sources = &api.state.sources;
        let changed = on_disk(sources, move |files| files.put(&put, &kept)).await?;
        let known = report(&api, &name);
        let is_of_this = |it: &SourceReport| it.text.as_deref() == Some(&text);
        if !changed && known.as_ref().is_some_and(is_of_this) {
            return Ok(known);
        }
        api.ask(|done| Request::Reload { by, done }).await?;
        Ok(report(&api, &name).filter(is_of_this))
    })
    .await?;
    if !wait.is_zero() {
        let settled = api.ask(|done| Request::Settle { done });
        // In time or not, what was asked for is in force.
        drop(timeout(wait, settled).await);
    }
    let Some(report) = report else {
        let detail = "the source is kept, and takes effect when the policies can be read";
        return Err(ProblemDetails::new(StatusCode::SERVICE_UNAVAILABLE, detail));
    };
    let faults: Vec<ItemFault> = report.all_faults().cloned().collect();
    if !faults.iter().any(ItemFault::is_error) {
        return Ok(Json(report).into_response());
    }
    let (name, state) = (&report.name, &report.state);
    let detail = format!("source {name}: {state}: {}", first(&faults));
    let problem = ProblemDetails::new(StatusCode::UNPROCESSABLE_ENTITY, detail);
    Err(problem.with_faults(faults))
}

pub(super) async fn delete(
    Extract(api): Extract<Api>,
    Extension(peer): Extension<Peer>,
    Path(name): Path<String>,
) -> Answer<Vec<SourceSummary>> {
    may_change_source(&api, &peer, &name).await?;
    let name = parse(&name)?;
    change(&api, peer, move |api, by| async move {
        let (sources, removed) = (&api.state.sources, name.clone());
        let was_there = on_disk(sources, move |files| files.remove(&removed)).await?;
        if !was_there {
            return Err(no_such_source(&name));
        }
        api.ask(|done| Request::Reload { by, done }).await?;
        Ok(Json(SourceSummary::all(&api.state.view().sources)))
    })
    .await
}

fn report(api: &Api, name: &SourceName) -> Option<SourceReport> {
    let view = api.state.view();
    let report = view.sources.iter().find(|report| report.name == *name);
    report.cloned()
}

/// The source of the bridge to a cluster.
const BRIDGE: &str = "kubernetes";

async fn may_change_source(api: &Api, peer: &Peer, name: &str) -> Result<(), ProblemDetails> {
    match name {
        BRIDGE => api.may_change_as_bridge(peer).await,
        _ => api.may_change(peer).await,
    }
}

/// Goes on to its end although whoever asked is gone: half of a change is none.
async fn change<T, C>(
    api: &Api,
    peer: Peer,
    change: impl FnOnce(Api, String) -> C,
) -> Result<T, ProblemDetails>
where
    T: Send + 'static,
    C: Future<Output = Result<T, ProblemDetails>> + Send + 'static,
{
    let changing = Arc::clone(&api.state.sources.changing);
    let change = change(api.clone(), peer.to_string());
    let changed = tokio::spawn(async move {
        let _one_at_a_time = changing.lock().await;
        change.await
    });
    let ended = changed.await;
    ended.unwrap_or_else(|error| Err(internal(&error.to_string())))
}

async fn on_disk<T: Send + 'static>(
    sources: &Sources,
    work: impl FnOnce(&SourceFiles) -> Result<T, FileError> + Send + 'static,
) -> Result<T, ProblemDetails> {
    let Sources {
        directory, apart, ..
    } = sources.clone();
    let files = SourceFiles::new(directory.clone());
    let done = spawn_blocking(move || apart.run(&directory, move || work(&files))).await;
    let done = done.map_err(|error| internal(&error.to_string()))?;
    let done = done.map_err(|unanswered| not_done(&sources.directory, &unanswered))?;
    done.map_err(|error| internal(&format!("nothing was changed: {error}: {}", error.source)))
}

/// What the work still does when the file system answers is not undone.
fn not_done(directory: &FsPath, unanswered: &FileError) -> ProblemDetails {
    let (directory, why) = (directory.display(), &unanswered.source);
    let detail = match why.kind() {
        ErrorKind::TimedOut => format!(
            "sources are kept in {directory}, and {why}: this change may still take effect when it does"
        ),
        _ => format!("nothing was changed: cannot work in {directory}: {why}"),
    };
    ProblemDetails::new(StatusCode::SERVICE_UNAVAILABLE, detail)
}

pub(super) fn parse(name: &str) -> Result<SourceName, ProblemDetails> {
    name.parse().map_err(|malformed| {
        let detail = format!("no source can have this name: {malformed}");
        ProblemDetails::new(StatusCode::BAD_REQUEST, detail)
    })
}

fn wait_of(query: Result<Query<PutQuery>, QueryRejection>) -> Result<Duration, ProblemDetails> {
    let bad = |detail| ProblemDetails::new(StatusCode::BAD_REQUEST, detail);
    let Query(PutQuery { wait }) = query.map_err(|rejection| bad(rejection.body_text()))?;
    match wait <= LONGEST_WAIT {
        true => Ok(Duration::from_secs(wait)),
        false => Err(bad(format!(
            "wait={wait}: expected a number of seconds from 0 to {LONGEST_WAIT}"
        ))),
    }
}

/// The text of a source, from the body of a request.
pub(super) async fn body(
    headers: &HeaderMap,
    body: Body,
    api: &Api,
) -> Result<Bytes, ProblemDetails> {
    is_json(headers)?;
    input::collect(body, SOURCE_LIMIT, api.limits.patience).await
}

fn is_json(headers: &HeaderMap) -> Result<(), ProblemDetails> {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else {
        return Ok(());
    };
    let kind = String::from_utf8_lossy(kind.as_bytes()).to_lowercase();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if essence == "application/json" {
        return Ok(());
    }
    let detail = format!("a source is application/json, and this is {essence:?}");
    Err(ProblemDetails::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        detail,
    ))
}

/// The first error in words, and that there are more.
pub(super) fn first(faults: &[ItemFault]) -> String {
    let mut errors = faults.iter().filter(|fault| fault.is_error());
    let first = errors.next().map(ToString::to_string).unwrap_or_default();
    match errors.count() {
        0 => first,
        more => format!("{first} (and {more} more)"),
    }
}

fn no_such_source(name: &SourceName) -> ProblemDetails {
    let detail = format!("there is no source named {name}");
    ProblemDetails::new(StatusCode::NOT_FOUND, detail)
}

fn internal(detail: &str) -> ProblemDetails {
    ProblemDetails::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
}
