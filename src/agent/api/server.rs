//! The requests that are answered, on the socket and over TCP.

use super::context::Api;
use super::peer::Peer;
use super::problem::ProblemDetails;
use super::tls::Tls;
use super::{State, changes, foresight, handlers, kubelet, metrics, page, sources};
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Extension, Router, middleware};
use sriovd_wire::kubelet::ALLOCATIONS;
use sriovd_wire::peer::is_for_this_host;
use sriovd_wire::serve::{LIMITS, Limits, accept_all, connection, serve_tcp, serve_unix_with};
use std::convert::Infallible;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener, UnixStream};

/// A listener on TCP, and for whom it is.
pub enum Tcp {
    /// For this host alone, and for reading.
    Local(TcpListener),
    /// For whoever has a certificate.
    Tls(TcpListener, Tls),
}

/// The API on its socket, and on TCP where there is a listener. An error where it cannot go on.
pub async fn serve(
    listener: UnixListener,
    tcp: Option<Tcp>,
    state: State,
) -> anyhow::Result<Infallible> {
    let api = Api::new(state, LIMITS);
    let over_tcp = {
        let api = api.clone();
        async {
            match tcp {
                Some(Tcp::Local(tcp)) => serve_tcp(tcp, pages(api), LIMITS).await,
                Some(Tcp::Tls(tcp, tls)) => serve_tls(tcp, tls, api).await,
                None => std::future::pending().await,
            }
        }
    };
    tokio::select! {
        ended = serve_with(listener, api, Peer::of) => ended,
        ended = over_tcp => ended,
    }
}

pub(super) async fn serve_with(
    listener: UnixListener,
    api: Api,
    who: fn(&UnixStream) -> Peer,
) -> anyhow::Result<Infallible> {
    let limits = api.limits;
    serve_unix_with(listener, router(api), limits, who).await
}

/// One connection over any stream, of somebody who may change things. What the socket adds to it is who that is.
pub async fn serve_stream<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    state: State,
    limits: Limits,
) {
    let router = router(Api::new(state, limits));
    let peer = Peer::Admin("an administrator".to_owned());
    connection(stream, router.layer(Extension(peer)), limits.patience).await;
}

pub(super) async fn serve_tls(
    listener: TcpListener,
    tls: Tls,
    api: Api,
) -> anyhow::Result<Infallible> {
    let limits = api.limits;
    let router = all_routes(page::routes(), api).layer(middleware::from_fn(not_from_elsewhere));
    accept_all(listener, limits.connections, |stream| {
        let (tls, router) = (tls.clone(), router.clone());
        async move {
            if let Some((stream, peer)) = tls.accept(stream, limits.patience).await {
                connection(stream, router.layer(Extension(peer)), limits.patience).await;
            }
        }
    })
    .await
}

/// A browser shows its certificate also when a page from elsewhere makes it ask.
async fn not_from_elsewhere(request: Request, next: Next) -> Response {
    if request.method().is_safe() || !request.headers().contains_key(header::ORIGIN) {
        return next.run(request).await;
    }
    let detail = "changing is for programs, not for pages in a browser";
    ProblemDetails::new(StatusCode::FORBIDDEN, detail).into_response()
}

fn router(api: Api) -> Router {
    all_routes(Router::new(), api)
}

/// The same with pages for a browser, which can only read.
pub(super) fn pages(api: Api) -> Router {
    all_routes(page::routes(), api)
        .layer(Extension(Peer::Local))
        .layer(middleware::from_fn(only_for_this_host))
}

async fn only_for_this_host(request: Request, next: Next) -> Response {
    match is_for_this_host(request.headers()) {
        true => next.run(request).await,
        false => handlers::misdirected().into_response(),
    }
}

fn all_routes(router: Router<Api>, api: Api) -> Router {
    let routes = ROUTES.iter();
    routes
        .fold(router, |router, (path, handler)| {
            router.route(path, handler())
        })
        .method_not_allowed_fallback(handlers::wrong_method)
        .fallback(handlers::not_found)
        .with_state(api)
}

type Route = (&'static str, fn() -> MethodRouter<Api>);

/// `openapi.json` describes them all; a route without a line in `tests/openapi/operations.rs` fails a test.
pub(super) const ROUTES: &[Route] = &[
    ("/v1/status", || get(handlers::status)),
    ("/v1/world", || get(handlers::world)),
    ("/v1/snapshot", || get(handlers::snapshot)),
    ("/v1/plan", || get(handlers::plan)),
    ("/v1/pfs", || get(handlers::pfs)),
    ("/v1/pfs/{pf}", || get(handlers::pf)),
    ("/v1/policies", || get(handlers::policies)),
    ("/v1/networks", || get(handlers::networks)),
    ("/v1/sources", || get(sources::list)),
    ("/v1/sources/{name}", || {
        get(sources::show).put(sources::put).delete(sources::delete)
    }),
    ("/v1/sources/{name}/plan", || post(foresight::plan)),
    (ALLOCATIONS, || {
        get(kubelet::show)
            .post(kubelet::allocate)
            .put(kubelet::replace)
    }),
    ("/v1/events", || get(handlers::events)),
    ("/v1/apply", || post(changes::apply)),
    ("/v1/pause", || post(changes::pause)),
    ("/v1/resume", || post(changes::resume)),
    ("/v1/reload", || post(changes::reload)),
    ("/metrics", || get(metrics::metrics)),
    ("/openapi.json", || get(handlers::openapi)),
];
