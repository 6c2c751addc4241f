//! `GET /v1/events`: server-sent events, for as long as the client reads them.

use super::feed::Feed;
use super::problem::ProblemDetails;
use crate::report::Event;
use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{sleep, timeout};

/// So many may follow. They keep their connections, and others need some, too.
pub(super) const FOLLOWERS: usize = 8;

/// How long nothing is sent.
const PATIENCES_OF_SILENCE: u32 = 6;

/// Goes with the answer: told when the client has lost its place.
#[derive(Debug, Clone)]
pub(super) struct Ended(pub(super) Arc<Notify>);

pub(super) fn follow(
    feed: &Feed,
    places: &Arc<Semaphore>,
    patience: Duration,
) -> Result<Response, ProblemDetails> {
    let Ok(place) = Arc::clone(places).try_acquire_owned() else {
        let detail = format!("{FOLLOWERS} clients follow the events already");
        return Err(ProblemDetails::new(StatusCode::SERVICE_UNAVAILABLE, detail));
    };
    // One: what the client does not take waits in the feed, which forgets.
    let (chunks, body) = mpsc::channel(1);
    let ended = Ended(Arc::new(Notify::new()));
    tokio::spawn(forward(
        feed.follow(),
        chunks,
        patience,
        ended.clone(),
        place,
    ));
    let body = futures::stream::unfold(body, |mut body| async {
        let chunk: Bytes = body.recv().await?;
        Some((Ok::<_, std::convert::Infallible>(chunk), body))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let mut response = (headers, Body::from_stream(body)).into_response();
    response.extensions_mut().insert(ended);
    Ok(response)
}

async fn forward(
    mut events: Receiver<Arc<Event>>,
    chunks: mpsc::Sender<Bytes>,
    patience: Duration,
    ended: Ended,
    place: OwnedSemaphorePermit,
) {
    // The head of the answer goes out with the first bytes of its body.
    let mut next = Bytes::from_static(b": events from here on\n\n");
    loop {
        match timeout(patience, chunks.send(next)).await {
            Ok(Ok(())) => {}
            Ok(Err(_gone)) => break,
            Err(_too_slow) => break,
        }
        next = tokio::select! {
            event = events.recv() => match event {
                Ok(event) => message(&event),
                // It would have to guess what it missed.
                Err(RecvError::Lagged(_) | RecvError::Closed) => break,
            },
            () = chunks.closed() => break,
            // Not every client that is gone can be told from one that listens, before something is sent.
            () = sleep(PATIENCES_OF_SILENCE * patience) => Bytes::from_static(b":\n\n"),
        };
    }
    drop(place);
    ended.0.notify_one();
}

fn message(event: &Event) -> Bytes {
    let number = event.number;
    // A value of ours always has a JSON form; its text has no line breaks.
    let data = serde_json::to_string(event).unwrap_or_default();
    Bytes::from(format!("id: {number}\ndata: {data}\n\n"))
}
