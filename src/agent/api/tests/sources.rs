//! Sources whose file system does not answer, as that of a server that is away.

use crate::api::context::Api;
use crate::api::peer::Peer;
use crate::api::server::serve_with;
use crate::api::tests::daemon::{ROOMY, answer};
use crate::api::{Feed, Kubelet, Request, Sources, State, bind};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use sriovd_core::memory::Memory;
use sriovd_host::file::apart::Apart;
use sriovd_sim::SimHost;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::sync::{mpsc, watch};

const PATIENCE: Duration = Duration::from_secs(2);

struct Lab {
    directory: TempDir,
    socket: PathBuf,
}

impl Lab {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("sriovd.sock");
        let sources = directory.path().join("sources.d");
        fs::create_dir(&sources).unwrap();
        let (_, view) = watch::channel(Arc::default());
        let (requests, mut asked) = mpsc::channel(1);
        tokio::spawn(async move {
            while let Some(Request::Reload { done, .. }) = asked.recv().await {
                done.send(()).unwrap();
            }
        });
        let state = State {
            view,
            host: Arc::new(SimHost::default()),
            memory: Arc::new(Memory::default()),
            requests,
            feed: Feed::new().unwrap(),
            admin_group: None,
            sources: Sources::new(sources, Apart::with_patience(PATIENCE)),
            kubelet: Kubelet::new("/nonexistent".into(), Apart::default()),
        };
        let api = Api::new(state, ROOMY);
        tokio::spawn(serve_with(bind(&socket).unwrap(), api, Peer::of));
        Self { directory, socket }
    }

    fn source(&self, name: &str) -> PathBuf {
        self.directory.path().join("sources.d").join(name)
    }

    /// The status, what is said, and how long it took.
    async fn ask(&self, method: &str, path: &str) -> (u16, String, Duration) {
        let begun = Instant::now();
        let mut stream = UnixStream::connect(&self.socket).await.unwrap();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{{}}");
        stream.write_all(head.as_bytes()).await.unwrap();
        let (status, _, body) = answer(stream).await;
        let detail = body["detail"].as_str().unwrap_or_default().to_owned();
        (status, detail, begun.elapsed())
    }
}

/// Opened for reading, it answers when somebody writes.
fn hang(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

#[tokio::test]
async fn a_change_of_a_source_that_the_disk_does_not_answer_is_refused_in_time_and_done_later() {
    let lab = Lab::new();
    hang(&lab.source("kube.json"));
    let unanswered = format!(
        "sources are kept in {}, and its file system does not answer: this change may still take effect when it does",
        lab.source("").display().to_string().trim_end_matches('/')
    );
    let (status, detail, took) = lab.ask("PUT", "/v1/sources/kube").await;
    assert_eq!((status, &detail), (503, &unanswered));
    assert!(took >= PATIENCE && took < 10 * PATIENCE, "{took:?}");
    // Whoever comes next is told at once, and what needs no disk is answered.
    for (method, path, wanted) in [
        ("PUT", "/v1/sources/kube", 503),
        ("PUT", "/v1/sources/other", 503),
        ("DELETE", "/v1/sources/kube", 503),
        ("GET", "/v1/sources", 200),
        ("GET", "/v1/status", 200),
    ] {
        let (status, detail, took) = lab.ask(method, path).await;
        assert_eq!(status, wanted, "{method} {path}: {detail}");
        assert!(took < PATIENCE, "{method} {path}: {took:?}");
        assert!(wanted == 200 || detail == unanswered, "{detail}");
    }
    assert!(!lab.source("other.json").exists());

    // What is in it by then is not what a source is.
    drop(OpenOptions::new().write(true).open(lab.source("kube.json")));
    let begun = Instant::now();
    while lab.ask("PUT", "/v1/sources/other").await.1 == unanswered {
        assert!(begun.elapsed() < Duration::from_secs(60));
    }
    for name in ["kube.json", "other.json"] {
        assert!(lab.source(name).is_file(), "{name}");
    }
}
