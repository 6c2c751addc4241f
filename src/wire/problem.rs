//! Errors as problem objects (RFC 9457).

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sriovd_core::policy::source::ItemFault;

/// Why a request was not done (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct ProblemDetails {
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong, in one sentence.
    pub detail: String,
    /// What is wrong with what was put, place by place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<ItemFault>,
}

impl ProblemDetails {
    /// With the status in words as its title.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("error").to_owned();
        Self {
            title,
            status: status.as_u16(),
            detail: detail.into(),
            faults: Vec::new(),
        }
    }

    /// The same, with what is wrong place by place.
    pub fn with_faults(mut self, faults: Vec<ItemFault>) -> Self {
        self.faults = faults;
        self
    }
}

impl IntoResponse for ProblemDetails {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        (status, kind, Json(self)).into_response()
    }
}
