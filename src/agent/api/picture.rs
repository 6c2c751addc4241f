//! `/picture.svg`: what `sriovctl draw --svg` shows.
//!
//! Who uses a VF takes a look at the host, which is taken when something has happened since the last
//! one, once for all who want to see it.

use super::context::{Api, hung, look_at_all};
use super::drawn::Drawing;
use super::{ProblemDetails, View};
use axum::body::Bytes;
use axum::extract::State as Extract;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use sriovd_core::host::Look;
use sriovd_core::memory::Memory;
use sriovd_core::model::HostSnapshot;
use sriovd_core::policy::resolve::resolve_held;
use sriovd_core::render::picture;
use std::sync::Arc;
use std::time::Instant;

pub(super) async fn picture(Extract(api): Extract<Api>) -> Result<Response, ProblemDetails> {
    let headers = [
        (header::CONTENT_TYPE, "image/svg+xml"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let mut last = api.drawn.0.lock().await;
    let event = api.state.feed.last_number();
    if let Some(drawing) = last.as_ref().filter(|it| it.holds(event)) {
        return Ok((headers, drawing.svg.clone()).into_response());
    }
    let since = Instant::now();
    let (view, host) = (api.view(), Arc::clone(&api.state.host));
    let memory = Arc::clone(&api.state.memory);
    let drawn = api.look(move || {
        let host = look_at_all(&*host, &view, Look::WithHolders, &hung(&view.status))?;
        Ok(drawn(&view, &host, &memory.memory()))
    });
    let svg = Bytes::from(drawn.await?);
    *last = Some(Drawing {
        event,
        since,
        svg: svg.clone(),
    });
    Ok((headers, svg).into_response())
}

fn drawn(view: &View, host: &HostSnapshot, memory: &Memory) -> String {
    let pfs = host.pfs.iter();
    let resolved = pfs.map(|(&at, pf)| {
        let hold = memory.hold_on(pf);
        (at, resolve_held(&view.policies, &view.node, pf, hold))
    });
    let reports = view.status.pfs.iter().map(|pf| (pf.address, pf.clone()));
    picture::svg(&picture::picture(&picture::Subject {
        host,
        resolutions: &resolved.collect(),
        reports: &reports.collect(),
        networks: &view.policies.networks,
        given: &view.status.given(),
    }))
}
