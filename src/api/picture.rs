//! `/picture.svg`: what `sriovctl draw --svg` shows, looked at now.

use super::handlers::{Api, hung, look_at_all};
use super::{ProblemDetails, View};
use crate::model::HostSnapshot;
use crate::policy::resolve::resolve;
use crate::render::picture;
use crate::report::Status;
use axum::extract::State as Extract;
use axum::http::header;
use axum::response::{IntoResponse, Response};

pub(super) async fn picture(Extract(api): Extract<Api>) -> Result<Response, ProblemDetails> {
    let (view, status) = (api.view().await?, api.status());
    let svg = api
        .look(move || {
            let host = look_at_all(&view, &hung(&status))?;
            Ok(drawn(&view, &host, status))
        })
        .await?;
    let headers = [
        (header::CONTENT_TYPE, "image/svg+xml"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, svg).into_response())
}

fn drawn(view: &View, host: &HostSnapshot, status: Status) -> String {
    let pfs = host.pfs.iter();
    let resolved = pfs.map(|(&at, pf)| (at, resolve(&view.policies, &view.node, pf)));
    let reports = status.pfs.into_iter().map(|pf| (pf.address, pf));
    picture::svg(&picture::picture(&picture::Subject {
        host,
        resolutions: &resolved.collect(),
        reports: &reports.collect(),
        networks: &view.policies.networks,
        assignments: &view.memory.assignments,
    }))
}
