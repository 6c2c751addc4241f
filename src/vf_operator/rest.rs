//! REST with JSON, as vf-operator's gateway has it.

use super::Listener;
use super::attachment::Attachment;
use super::proto::ResourceConfig;
use super::refusal::Refusal;
use super::service::Service;
use axum::body::Body;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use pbjson_types::Empty;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sriovd_wire::peer::is_for_this_host;
use sriovd_wire::serve::{LIMITS, serve_tcp, serve_unix};
use sriovd_wire::{Peer, ProblemDetails, input};
use std::convert::Infallible;
use tonic::Code;

pub(super) async fn serve(listener: Listener, service: Service) -> anyhow::Result<Infallible> {
    let router = router(service);
    match listener {
        Listener::Tcp(listener) => {
            let router = router.layer(Extension(Peer::Local));
            serve_tcp(listener, router, LIMITS).await
        }
        Listener::Unix(listener) => serve_unix(listener, router, LIMITS).await,
    }
}

pub(super) fn router(service: Service) -> Router {
    Router::new()
        .route(
            "/api/v1/config/resources",
            post(create_resource).get(resource_configs),
        )
        .route(
            "/api/v1/config/resources/{name}",
            get(resource_config).delete(delete_resource),
        )
        .route("/api/v1/resources", get(resources))
        .route("/api/v1/resources/{name}", get(resource))
        .route("/api/v1/config/networkattachments", post(create_attachment))
        .route(
            "/api/v1/config/networkattachments/{name}",
            axum::routing::delete(delete_attachment),
        )
        .route("/api/v1/networkattachments", get(attachments))
        .route("/api/v1/networkattachments/{name}", get(attachment))
        .method_not_allowed_fallback(async || {
            Refusal::new(Code::Unimplemented, "Method Not Allowed")
        })
        .fallback(async || Refusal::new(Code::NotFound, "Not Found"))
        .with_state(service)
}

type Answer<T> = Result<Json<T>, Refusal>;

async fn create_resource(
    State(service): State<Service>,
    _: MayChange,
    body: Body,
) -> Answer<impl Serialize> {
    let config: ResourceConfig = read(body).await?;
    service.create_resource(config).await.map(Json)
}

async fn resource_configs(State(service): State<Service>) -> Answer<impl Serialize> {
    service.resource_configs().await.map(Json)
}

async fn resource_config(
    State(service): State<Service>,
    Path(name): Path<String>,
) -> Answer<impl Serialize> {
    service.resource_config(&name).await.map(Json)
}

async fn delete_resource(
    State(service): State<Service>,
    _: MayChange,
    Path(name): Path<String>,
) -> Answer<Empty> {
    service.delete_resource(name).await?;
    Ok(Json(Empty {}))
}

async fn resources(State(service): State<Service>) -> Answer<impl Serialize> {
    service.resources().await.map(Json)
}

async fn resource(
    State(service): State<Service>,
    Path(name): Path<String>,
) -> Answer<impl Serialize> {
    service.resource(&name).await.map(Json)
}

async fn create_attachment(
    State(service): State<Service>,
    _: MayChange,
    body: Body,
) -> Answer<Empty> {
    let attachment: Attachment = read(body).await?;
    service.create_attachment(attachment).await?;
    Ok(Json(Empty {}))
}

async fn delete_attachment(
    State(service): State<Service>,
    _: MayChange,
    Path(name): Path<String>,
) -> Answer<Empty> {
    service.delete_attachment(name).await?;
    Ok(Json(Empty {}))
}

async fn attachments(State(service): State<Service>) -> Answer<impl Serialize> {
    service.attachments().await.map(Json)
}

async fn attachment(
    State(service): State<Service>,
    Path(name): Path<String>,
) -> Answer<impl Serialize> {
    service.attachment(&name).await.map(Json)
}

/// A body that is not there is as good as an empty message, whose name is missing.
async fn read<T: DeserializeOwned + Default>(body: Body) -> Result<T, Refusal> {
    let read = input::read(body, LIMITS.patience).await;
    read.map_err(|problem: ProblemDetails| Refusal::invalid(problem.detail))
}

/// Who sends this may change something.
pub(super) struct MayChange;

impl FromRequestParts<Service> for MayChange {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Refusal> {
        let peer = parts.extensions.get().unwrap_or(&Peer::Unknown).clone();
        if peer == Peer::Local {
            is_meant_for_us(&parts.headers)?;
        }
        service.may_change(&peer).await?;
        Ok(Self)
    }
}

/// A page in a browser on this host can be made to send requests here: under a name that leads
/// here, or without having to ask. Nobody else names us like that.
fn is_meant_for_us(headers: &HeaderMap) -> Result<(), Refusal> {
    if is_for_this_host(headers) && !headers.contains_key(header::ORIGIN) {
        return Ok(());
    }
    let message = "changes are for programs on this host, not for pages in a browser";
    Err(Refusal::new(Code::PermissionDenied, message))
}
