//! Connections: few, each with one request, and none that can be held open for long.

use super::State;
use super::handlers::{self, Api};
use super::peer::Peer;
use super::problem::ProblemDetails;
use super::stream::Ended;
use super::tls::Tls;
use super::{changes, is_for_this_host, metrics, page, sources};
use anyhow::Context as _;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Extension, Router, middleware};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// What one client may take from others.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// More wait in the socket's own queue.
    pub connections: usize,
    /// How long a client may take for the head of its request, for the body, and to read the answer.
    pub patience: Duration,
    /// How long it may take to look at the host. A driver that hangs must not hang the API.
    pub look: Duration,
}

/// Those of the daemon.
pub const LIMITS: Limits = Limits {
    connections: 32,
    patience: Duration::from_secs(10),
    look: Duration::from_secs(60),
};

/// No sensible head is larger.
const HEAD_LIMIT: usize = 16 * 1024;

/// Out of descriptors or memory: there is no event for having them again.
const PAUSE: Duration = Duration::from_secs(1);

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

async fn serve_unix_with(
    listener: UnixListener,
    router: Router,
    limits: Limits,
    who: fn(&UnixStream) -> Peer,
) -> anyhow::Result<Infallible> {
    accept_all(listener, limits.connections, |stream| {
        let router = router.clone().layer(Extension(who(&stream)));
        connection(stream, router, limits.patience)
    })
    .await
}

/// Any router on a Unix socket. A request has its `Peer` as an extension.
pub async fn serve_unix(
    listener: UnixListener,
    router: Router,
    limits: Limits,
) -> anyhow::Result<Infallible> {
    serve_unix_with(listener, router, limits, Peer::of).await
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

/// The same for any other router, on TCP.
pub async fn serve_tcp(
    listener: TcpListener,
    router: Router,
    limits: Limits,
) -> anyhow::Result<Infallible> {
    accept_all(listener, limits.connections, |stream| {
        connection(stream, router.clone(), limits.patience)
    })
    .await
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

trait Accept {
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    fn accept(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl Accept for UnixListener {
    type Stream = UnixStream;
    async fn accept(&self) -> io::Result<UnixStream> {
        self.accept().await.map(|(stream, _)| stream)
    }
}

impl Accept for TcpListener {
    type Stream = TcpStream;
    async fn accept(&self) -> io::Result<TcpStream> {
        self.accept().await.map(|(stream, _)| stream)
    }
}

async fn accept_all<L: Accept, C: Future<Output = ()> + Send + 'static>(
    listener: L,
    most: usize,
    serve: impl Fn(L::Stream) -> C,
) -> anyhow::Result<Infallible> {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = Accept::accept(&listener), if connections.len() < most => {
                match accepted {
                    Ok(stream) => drop(connections.spawn(serve(stream))),
                    Err(_) => sleep(PAUSE).await,
                }
            }
            Some(ended) = connections.join_next() => ended.context("a connection's task failed")?,
        }
    }
}

/// Whatever goes wrong with one connection is that client's concern.
async fn connection<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    router: Router,
    patience: Duration,
) {
    let (tell, answered) = watch::channel(None);
    let told = move |response: Response| {
        let stream = response.extensions().get::<Ended>().cloned();
        tell.send_replace(Some(stream));
        async { response }
    };
    let router = router.layer(middleware::map_response(told));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_header_size(HEAD_LIMIT)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let too_slow = too_slow(answered, patience);
    tokio::select! {
        served = served => drop(served),
        () = too_slow => {}
    }
}

/// Returns when an answer should be over: after a while, or when the one that streams it says so.
async fn too_slow(mut answered: watch::Receiver<Option<Option<Ended>>>, patience: Duration) {
    let stream = answered.wait_for(Option::is_some).await;
    match stream.ok().and_then(|stream| stream.clone().flatten()) {
        Some(Ended(ended)) => ended.notified().await,
        None => sleep(patience).await,
    }
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
    ("/v1/events", || get(handlers::events)),
    ("/v1/apply", || post(changes::apply)),
    ("/v1/pause", || post(changes::pause)),
    ("/v1/resume", || post(changes::resume)),
    ("/v1/reload", || post(changes::reload)),
    ("/metrics", || get(metrics::metrics)),
    ("/openapi.json", || get(handlers::openapi)),
];
