//! An agent that tells of a world, as the real one does.

use super::super::fixture::world;
use super::Process;
use serde_json::Value;
use std::fs;
use std::path::Path;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

pub(super) struct Agent {
    tell: watch::Sender<String>,
    _process: Process,
}

fn event(starting: bool, pfs: Vec<Value>) -> String {
    let world = world(starting, pfs).whole();
    format!("data: {}\n\n", serde_json::to_string(&world).unwrap())
}

impl Agent {
    pub(super) fn start(socket: &Path, starting: bool, pfs: Vec<Value>) -> Self {
        let (tell, told) = watch::channel(event(starting, pfs));
        fs::create_dir_all(socket.parent().unwrap()).unwrap();
        let _ = fs::remove_file(socket);
        let socket = socket.to_owned();
        let process = Process::new(async move {
            let listener = UnixListener::bind(socket).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(answer(stream, told.clone()));
            }
        });
        Self {
            tell,
            _process: process,
        }
    }

    pub(super) fn tell(&self, starting: bool, pfs: Vec<Value>) {
        self.tell.send_replace(event(starting, pfs));
    }
}

async fn answer(mut stream: UnixStream, mut told: watch::Receiver<String>) -> Option<()> {
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        asked.push(stream.read_u8().await.ok()?);
    }
    let asked = String::from_utf8(asked).unwrap();
    assert!(asked.starts_with("GET /v1/world "), "{asked}");
    assert!(asked.contains("accept: text/event-stream\r\n"), "{asked}");
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    stream.write_all(head).await.ok()?;
    loop {
        let event = told.borrow_and_update().clone();
        stream.write_all(event.as_bytes()).await.ok()?;
        told.changed().await.ok()?;
    }
}
