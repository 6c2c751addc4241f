//! The body of a request: bounded, in time, and what it should be.

use super::problem::ProblemDetails;
use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio::time::timeout;

/// Most bodies are a list of PF names: nothing sensible is larger.
const BODY_LIMIT: usize = 64 * 1024;

/// An empty body is the default.
pub async fn read<T: DeserializeOwned + Default>(
    body: Body,
    patience: Duration,
) -> Result<T, ProblemDetails> {
    read_up_to(body, BODY_LIMIT, patience).await
}

/// The same, of bodies that may be larger, or must be smaller.
pub async fn read_up_to<T: DeserializeOwned + Default>(
    body: Body,
    limit: usize,
    patience: Duration,
) -> Result<T, ProblemDetails> {
    let bytes = collect(body, limit, patience).await?;
    if bytes.is_empty() {
        return Ok(T::default());
    }
    // A list would be taken for the values of its keys, and an empty one for nothing in particular.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        let detail = "the body is not what is expected here: expected an object";
        return Err(ProblemDetails::new(StatusCode::BAD_REQUEST, detail));
    }
    serde_json::from_slice(&bytes).map_err(|error| {
        let detail = format!("the body is not what is expected here: {error}");
        ProblemDetails::new(StatusCode::BAD_REQUEST, detail)
    })
}

/// The whole body, or why it cannot be had.
pub async fn collect(
    body: Body,
    limit: usize,
    patience: Duration,
) -> Result<Bytes, ProblemDetails> {
    let (status, detail) = match timeout(patience, Limited::new(body, limit).collect()).await {
        Ok(Ok(collected)) => return Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => (
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body is larger than {limit} bytes"),
        ),
        Ok(Err(error)) => (
            StatusCode::BAD_REQUEST,
            format!("the body cannot be read: {error}"),
        ),
        Err(_) => (
            StatusCode::REQUEST_TIMEOUT,
            format!("the body was not there within {} s", patience.as_secs_f32()),
        ),
    };
    Err(ProblemDetails::new(status, detail))
}
