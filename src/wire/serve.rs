//! Connections: few, each with one request, and none that can be held open for long.

use super::peer::Peer;
use anyhow::Context as _;
use axum::response::Response;
use axum::{Extension, Router, middleware};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Notify, watch};
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

/// Goes with an answer that has no end: told when the client has lost its place.
#[derive(Debug, Clone)]
pub struct Ended(pub Arc<Notify>);

/// The same, where `who` tells the peer.
pub async fn serve_unix_with(
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

/// Any router on TCP.
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

/// What connections come from.
pub trait Accept {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    /// The next one.
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

/// Serves at most so many connections at a time.
pub async fn accept_all<L: Accept, C: Future<Output = ()> + Send + 'static>(
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
pub async fn connection<S: AsyncRead + AsyncWrite + Unpin>(
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
