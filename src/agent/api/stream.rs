//! Answers without end: server-sent events, for as long as the client reads them.

use super::View;
use super::problem::ProblemDetails;
use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::stream::{Stream, StreamExt, unfold};
use serde::Serialize;
use sriovd_core::model::world::World;
use sriovd_core::report::{Event, KnownPf};
use sriovd_wire::serve::Ended;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, broadcast, mpsc, watch};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

/// So many may follow the events, and so many the world. They keep their connections, and others
/// need some, too.
pub(super) const FOLLOWERS: usize = 8;

/// The content type.
pub(super) const EVENTS: &str = "text/event-stream";

/// How long nothing is sent.
const PATIENCES_OF_SILENCE: u32 = 6;

/// Everything that happens from here on. Ends for a follower that falls behind: it would have to
/// guess what it missed.
pub(super) fn events(told: broadcast::Receiver<Arc<Event>>) -> impl Stream<Item = Bytes> + Send {
    let events = unfold(told, |mut told| async {
        let event = told.recv().await.ok()?;
        Some((message(event.number, &*event), told))
    });
    let begun = Bytes::from_static(b": events from here on\n\n");
    futures::stream::iter([begun]).chain(events)
}

/// The world, and then whatever changes of it. What changes while the client does not read becomes
/// one change: it misses some worlds on the way, and nothing of what became of them.
pub(super) fn worlds(view: watch::Receiver<Arc<View>>) -> impl Stream<Item = Bytes> + Send {
    unfold(
        (view, None),
        |(mut view, told): (_, Option<Arc<_>>)| async move {
            let world = next_world(&mut view, told.as_ref()).await?;
            let now = Arc::clone(&world);
            // It may be large, and the thread that answers also coordinates.
            let written = spawn_blocking(move || {
                let change = match told {
                    None => world.whole(),
                    Some(told) => world.since(&told),
                };
                message(change.generation, &change)
            });
            Some((written.await.ok()?, (view, Some(now))))
        },
    )
}

async fn next_world(
    view: &mut watch::Receiver<Arc<View>>,
    told: Option<&Arc<World<KnownPf>>>,
) -> Option<Arc<World<KnownPf>>> {
    let is_new = |view: &Arc<View>| told.is_none_or(|told| !Arc::ptr_eq(told, &view.world));
    let found = view.wait_for(is_new).await.ok()?;
    Some(Arc::clone(&found.world))
}

pub(super) fn follow(
    messages: impl Stream<Item = Bytes> + Send + 'static,
    places: &Arc<Semaphore>,
    patience: Duration,
) -> Result<Response, ProblemDetails> {
    let Ok(place) = Arc::clone(places).try_acquire_owned() else {
        let detail = format!("{FOLLOWERS} clients follow this already");
        return Err(ProblemDetails::new(StatusCode::SERVICE_UNAVAILABLE, detail));
    };
    // One: what the client does not take waits where it comes from, which forgets.
    let (chunks, body) = mpsc::channel(1);
    let ended = Ended(Arc::new(Notify::new()));
    tokio::spawn(forward(messages, chunks, patience, ended.clone(), place));
    let body = unfold(body, |mut body| async {
        let chunk: Bytes = body.recv().await?;
        Some((Ok::<_, std::convert::Infallible>(chunk), body))
    });
    let headers = [
        (header::CONTENT_TYPE, EVENTS),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let mut response = (headers, Body::from_stream(body)).into_response();
    response.extensions_mut().insert(ended);
    Ok(response)
}

async fn forward(
    messages: impl Stream<Item = Bytes> + Send,
    chunks: mpsc::Sender<Bytes>,
    patience: Duration,
    ended: Ended,
    place: OwnedSemaphorePermit,
) {
    let mut messages = std::pin::pin!(messages);
    loop {
        let next = tokio::select! {
            message = messages.next() => match message {
                Some(message) => message,
                None => break,
            },
            () = chunks.closed() => break,
            // Not every client that is gone can be told from one that listens, before something is sent.
            () = sleep(PATIENCES_OF_SILENCE * patience) => Bytes::from_static(b":\n\n"),
        };
        match timeout(patience, chunks.send(next)).await {
            Ok(Ok(())) => {}
            Ok(Err(_gone)) => break,
            Err(_too_slow) => break,
        }
    }
    drop(place);
    ended.0.notify_one();
}

fn message(id: u64, what: &impl Serialize) -> Bytes {
    // A value of ours always has a JSON form; its text has no line breaks.
    let data = serde_json::to_string(what).unwrap_or_default();
    Bytes::from(format!("id: {id}\ndata: {data}\n\n"))
}
