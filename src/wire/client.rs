//! Asks the daemon over its socket.

use super::ProblemDetails;
use super::socket::changes;
use anyhow::{Context, anyhow};
use futures::StreamExt as _;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::handshake;
use hyper::http::request;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sriovd_core::model::world::WorldChange;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use tokio::net::UnixStream;
use tokio::runtime::Runtime;

/// Why the daemon cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum Unreachable {
    /// Nothing listens there.
    #[error("sriovd is not running: nothing listens on {}", socket.display())]
    NotRunning {
        /// Where it should be.
        socket: PathBuf,
    },
    /// The socket is for others.
    #[error(
        "you may not talk to sriovd: {} is for root and the group sriovd",
        socket.display()
    )]
    Forbidden {
        /// Which it is.
        socket: PathBuf,
    },
    /// Another reason.
    #[error("cannot reach sriovd on {}", socket.display())]
    Failed {
        /// Where it should be.
        socket: PathBuf,
        /// What the kernel says.
        source: anyhow::Error,
    },
}

impl Unreachable {
    fn new(socket: &Path, error: anyhow::Error) -> Self {
        let socket = socket.to_owned();
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        match kind {
            Some(ErrorKind::NotFound | ErrorKind::ConnectionRefused) => Self::NotRunning { socket },
            Some(ErrorKind::PermissionDenied) => Self::Forbidden { socket },
            _ => Self::Failed {
                socket,
                source: error,
            },
        }
    }
}

/// The agent, for a program that does one thing at a time.
pub struct Client {
    runtime: Runtime,
    socket: PathBuf,
}

impl Client {
    /// Somebody listens there; each request has a connection of its own.
    pub fn new(socket: &Path) -> Result<Self, Unreachable> {
        let connected = || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(UnixStream::connect(socket))?;
            anyhow::Ok(runtime)
        };
        let runtime = connected().map_err(|error| Unreachable::new(socket, error))?;
        let socket = socket.to_owned();
        Ok(Self { runtime, socket })
    }

    /// What is at a path.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.runtime.block_on(self.conversation().get(path))
    }

    /// Asks for something.
    pub fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        self.runtime.block_on(self.conversation().post(path, body))
    }

    /// Removes something.
    pub fn delete<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let asked = self.conversation();
        let answered = asked.ask(Method::DELETE, path, Vec::new());
        self.runtime.block_on(answered)
    }

    /// Several things at a time.
    pub fn converse<F: Future>(&self, talk: impl FnOnce(Conversation) -> F) -> F::Output {
        self.runtime.block_on(talk(self.conversation()))
    }

    fn conversation(&self) -> Conversation {
        Conversation::new(self.socket.clone())
    }
}

/// The agent; each request has a connection of its own.
#[derive(Debug, Clone)]
pub struct Conversation {
    socket: PathBuf,
}

/// The agent's answer is that it does not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.detail)]
pub struct Refused(pub ProblemDetails);

/// It was there before, and may be again.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("sriovd has ended the connection")]
pub struct Lost;

impl Conversation {
    /// Nothing is sent yet.
    pub fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// What is at a path.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.ask(Method::GET, path, Vec::new()).await
    }

    /// Replaces what is at a path.
    pub async fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        self.ask(Method::PUT, path, serde_json::to_vec(body)?).await
    }

    /// Asks for something.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        self.ask(Method::POST, path, serde_json::to_vec(body)?)
            .await
    }

    /// Everything that happens from now on.
    pub async fn follow(&self) -> anyhow::Result<Follower> {
        self.follow_at("/v1/events").await
    }

    /// What the agent knows, and then whatever changes of it: first all PFs, and from then on those that are new or not as
    /// they were.
    pub async fn follow_world(&self) -> anyhow::Result<Worlds> {
        self.follow_at("/v1/world").await.map(Worlds)
    }

    async fn follow_at(&self, path: &str) -> anyhow::Result<Follower> {
        let asked = Request::builder().header("accept", "text/event-stream");
        let asked = asked.method(Method::GET).uri(path);
        let body = self.exchange(asked, Vec::new()).await?;
        let pending = Vec::new();
        Ok(Follower { body, pending })
    }

    /// Returns when somebody listens there again, and may be talked to.
    pub async fn is_back(&self) -> anyhow::Result<()> {
        loop {
            let mut changes = changes(&self.socket).context("cannot wait for sriovd")?;
            let error = match UnixStream::connect(&self.socket).await {
                Ok(_) => return Ok(()),
                Err(error) => error,
            };
            match error.kind() {
                ErrorKind::NotFound
                | ErrorKind::ConnectionRefused
                | ErrorKind::PermissionDenied => drop(changes.next().await),
                _ => return Err(Unreachable::new(&self.socket, error.into()).into()),
            }
        }
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> anyhow::Result<T> {
        let body = self.send(method, path, body).await?;
        let bytes = body.collect().await.context(Lost)?.to_bytes();
        serde_json::from_slice(&bytes).context("cannot read sriovd's answer")
    }

    async fn send(&self, method: Method, path: &str, body: Vec<u8>) -> anyhow::Result<Incoming> {
        self.exchange(Request::builder().method(method).uri(path), body)
            .await
    }

    async fn exchange(&self, asked: request::Builder, body: Vec<u8>) -> anyhow::Result<Incoming> {
        let stream = UnixStream::connect(&self.socket).await;
        let stream = stream.map_err(|error| Unreachable::new(&self.socket, error.into()))?;
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let request = asked
            .header("host", "sriovd")
            .header("content-type", "application/json")
            .body(Full::<Bytes>::from(body))?;
        let response = sender.send_request(request).await.context(Lost)?;
        let status = response.status();
        let body = response.into_body();
        if status == StatusCode::OK {
            return Ok(body);
        }
        let bytes = body.collect().await.context(Lost)?.to_bytes();
        Err(refusal(status, &bytes))
    }
}

/// Reads server-sent events.
pub struct Follower {
    body: Incoming,
    pending: Vec<u8>,
}

impl Follower {
    /// The next event as JSON; none where the daemon has ended the stream.
    pub async fn next(&mut self) -> anyhow::Result<Option<String>> {
        loop {
            while let Some(end) = self.pending.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.pending.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line);
                if let Some(data) = line.trim_end().strip_prefix("data: ") {
                    return Ok(Some(data.to_owned()));
                }
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(frame) => {
                    let frame = frame.context(Lost)?;
                    self.pending
                        .extend(frame.into_data().unwrap_or_default().iter());
                }
            }
        }
    }
}

/// Reads the world as it changes.
pub struct Worlds(Follower);

impl Worlds {
    /// The next change; none where the daemon has ended the stream.
    pub async fn next(&mut self) -> anyhow::Result<Option<WorldChange>> {
        let Some(change) = self.0.next().await? else {
            return Ok(None);
        };
        let read = serde_json::from_str(&change);
        read.map(Some)
            .context("cannot read what sriovd tells of the world")
    }
}

fn refusal(status: StatusCode, body: &[u8]) -> anyhow::Error {
    match serde_json::from_slice::<ProblemDetails>(body) {
        Ok(problem) => Refused(problem).into(),
        Err(_) => anyhow!("sriovd answered {status}"),
    }
}
