//! What would become of a source, told before it is put.

use super::context::{Answer, Api, hung, look_at};
use super::{ProblemDetails, sources};
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State as Extract};
use axum::http::{HeaderMap, StatusCode};
use sriovd_core::host::Look;
use sriovd_core::policy::PolicySet;
use sriovd_core::policy::resolve::resolve;
use sriovd_core::policy::source::{self, ItemContent, ItemFault};
use sriovd_sim::forecast::{self, Forecast};
use std::sync::Arc;

/// Changes nothing, so that whoever may read may ask.
pub(super) async fn plan(
    Extract(api): Extract<Api>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Answer<Forecast> {
    let name = sources::parse(&name)?;
    let body = sources::body(&headers, body, &api).await?;
    let unusable = |faults: Vec<ItemFault>| {
        let detail = format!("source {name}: {}", sources::first(&faults));
        ProblemDetails::new(StatusCode::UNPROCESSABLE_ENTITY, detail).with_faults(faults)
    };
    let document = source::read(&name, &body).map_err(unusable)?;
    let faults: Vec<ItemFault> = document.faults().cloned().collect();
    if faults.iter().any(ItemFault::is_error) {
        return Err(unusable(faults));
    }
    let contents = document.items.into_iter().filter_map(|item| item.content);
    let policies = contents.filter_map(|content| match content {
        ItemContent::Policy(policy) => Some(*policy),
        ItemContent::Network(_) => None,
    });
    let policies = api
        .view()
        .policies
        .with_policies_of(&name, policies.collect());
    foresee(&api, policies).await.map(Json)
}

/// What passes would do with `policies`, over the PFs for which they mean another thing than those in force.
/// An error where the host cannot be looked at.
async fn foresee(api: &Api, policies: PolicySet) -> Result<Forecast, ProblemDetails> {
    let view = api.view();
    let hung = hung(&view.status);
    let concerned = view.seen().filter(|(address, seen)| {
        let now = resolve(&view.policies, &view.node, &seen.pf);
        !hung.contains_key(address) && now != resolve(&policies, &view.node, &seen.pf)
    });
    let concerned: Vec<_> = concerned.map(|(address, _)| address).collect();
    if concerned.is_empty() {
        return Ok(Forecast::default());
    }
    let (host, memory) = (Arc::clone(&api.state.host), Arc::clone(&api.state.memory));
    api.look(move || {
        let snapshot = look_at(&*host, &view, Look::WithHolders, concerned)?;
        let ask = |pf| host.observe(pf, Look::Asking);
        forecast::forecast_asking(snapshot, &policies, &memory.memory(), false, ask)
    })
    .await
}
