//! What the bridge of a node and the controller have in common of the API server.

use kube::api::ApiResource;
use kube::core::GroupVersionKind;
use sriovd_core::model::Timestamp;
use std::time::{SystemTime, UNIX_EPOCH};

/// How requests for a kind are made.
pub(crate) fn resource(group: &str, version: &str, kind: &str, plural: &str) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
}

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Timestamp::at(since.unwrap_or_default())
}

/// The server's own words, or what keeps it from being asked.
pub(crate) fn words(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if !status.message.is_empty() => status.message.clone(),
        kube::Error::Api(status) => format!("the API server answers {}", status.code),
        kube::Error::Service(error) => chain(error.as_ref()),
        error => chain(error),
    }
}

/// With all that is behind it, each once.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = error.source();
    }
    text
}
