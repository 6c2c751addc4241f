//! `/v1/events`: everything in order, and nobody waits for who does not read.

use super::daemon::*;
use serde_json::Value;
use sriovd_core::report::Happening;
use sriovd_sim::SimHost;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixStream;

const HEAD: &[u8] = b"GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n";

fn overrun(source: &str) -> Happening {
    Happening::Overrun {
        source: source.to_owned(),
    }
}

async fn follow(daemon: &Daemon) -> Lines<BufReader<UnixStream>> {
    let mut stream = daemon.connect().await;
    stream.write_all(HEAD).await.unwrap();
    let mut lines = BufReader::new(stream).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        if line.starts_with(": ") {
            return lines;
        }
    }
    panic!("it never began");
}

async fn next(lines: &mut Lines<BufReader<UnixStream>>) -> Value {
    loop {
        let line = lines.next_line().await.unwrap().expect("the end");
        if let Some(data) = line.strip_prefix("data: ") {
            return serde_json::from_str(data).unwrap();
        }
    }
}

#[tokio::test]
async fn all_followers_are_told_of_everything_in_order() {
    let daemon = Daemon::start(ROOMY);
    daemon.feed.tell(overrun("before"));
    let (mut one, mut two) = (follow(&daemon).await, follow(&daemon).await);
    assert!(daemon.feed.is_followed());
    daemon.feed.tell(overrun("kernel\nudev"));
    daemon.feed.tell(overrun("rtnetlink"));
    for lines in [&mut one, &mut two] {
        let (first, second) = (next(lines).await, next(lines).await);
        assert_eq!(
            (&first["number"], &second["number"]),
            (&2.into(), &3.into())
        );
        assert_eq!(
            (&first["event"], &first["source"]),
            (&"overrun".into(), &"kernel\nudev".into())
        );
        assert_eq!(second["source"], "rtnetlink");
    }
    // Its place is free when it goes.
    drop((one, two));
    while daemon.feed.is_followed() {
        daemon.feed.tell(overrun("nobody"));
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn only_some_may_follow_and_others_are_still_served() {
    let mut limits = ROOMY;
    limits.connections = 16;
    let daemon = Daemon::start(limits);
    let mut followers = Vec::new();
    for _ in 0..8 {
        followers.push(follow(&daemon).await);
    }
    let (status, _, problem) = daemon.ask("GET", "/v1/events", "").await;
    assert_eq!(status, 503, "{problem}");
    assert_eq!(problem["detail"], "8 clients follow this already");
    assert_eq!(daemon.ask("GET", "/v1/status", "").await.0, 200);
}

#[tokio::test]
async fn who_does_not_read_is_dropped_and_delays_nobody() {
    let daemon = Daemon::with(
        Arc::new(SimHost::default()),
        BRIEF,
        crate::api::peer::Peer::of,
        Default::default(),
    );
    let mut slow = follow(&daemon).await.into_inner().into_inner();
    let large = "x".repeat(4096);
    for _ in 0..20_000 {
        daemon.feed.tell(overrun(&large));
    }
    // The only place there is becomes free.
    assert_eq!(daemon.ask("GET", "/v1/status", "").await.0, 200);
    assert!(!daemon.feed.is_followed());
    let mut rest = Vec::new();
    slow.read_to_end(&mut rest).await.unwrap();
    assert!(rest.len() < 20_000 * 4096, "{}", rest.len());
}

#[tokio::test]
async fn who_goes_without_a_word_keeps_no_place() {
    let daemon = Daemon::with(
        Arc::new(SimHost::default()),
        BRIEF,
        crate::api::peer::Peer::of,
        Default::default(),
    );
    let mut gone = follow(&daemon).await.into_inner().into_inner();
    // What nobody reads hides from the server that the client hangs up.
    gone.write_all(b"more than was asked for").await.unwrap();
    drop(gone);
    assert_eq!(daemon.ask("GET", "/v1/status", "").await.0, 200);
    assert!(!daemon.feed.is_followed());
}
