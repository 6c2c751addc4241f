//! Asks the daemon over its socket.

use crate::api::ProblemDetails;
use anyhow::{Context, anyhow};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use tokio::net::UnixStream;
use tokio::runtime::Runtime;

/// Why the daemon cannot be asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreachable {
    #[error("sriovd is not running: nobody listens on {}", socket.display())]
    NotRunning { socket: PathBuf },
    #[error(
        "you may not talk to sriovd: {} is for root and the group sriovd",
        socket.display()
    )]
    Forbidden { socket: PathBuf },
    #[error("cannot reach sriovd on {}", socket.display())]
    Failed {
        socket: PathBuf,
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

pub(super) struct Client {
    runtime: Runtime,
    sender: SendRequest<Full<Bytes>>,
}

impl Client {
    pub(super) fn new(socket: &Path) -> Result<Self, Unreachable> {
        connect(socket).map_err(|error| Unreachable::new(socket, error))
    }

    pub(super) fn get<T: DeserializeOwned>(&mut self, path: &str) -> anyhow::Result<T> {
        self.request(Method::GET, path, Vec::new())
    }

    pub(super) fn post<T: DeserializeOwned>(
        &mut self,
        path: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        self.request(Method::POST, path, serde_json::to_vec(body)?)
    }

    fn request<T: DeserializeOwned>(
        &mut self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> anyhow::Result<T> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "sriovd")
            .header("content-type", "application/json")
            .body(Full::from(body))?;
        let (status, body) = self.runtime.block_on(async {
            let lost = "sriovd has ended the connection";
            let response = self.sender.send_request(request).await.context(lost)?;
            let status = response.status();
            let body = response.into_body().collect().await.context(lost)?;
            anyhow::Ok((status, body.to_bytes()))
        })?;
        if status != StatusCode::OK {
            return Err(refusal(status, &body));
        }
        serde_json::from_slice(&body).context("cannot make sense of sriovd's answer")
    }
}

fn connect(socket: &Path) -> anyhow::Result<Client> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let sender = runtime.block_on(async {
        let stream = UnixStream::connect(socket).await?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        anyhow::Ok(sender)
    })?;
    Ok(Client { runtime, sender })
}

fn refusal(status: StatusCode, body: &[u8]) -> anyhow::Error {
    match serde_json::from_slice::<ProblemDetails>(body) {
        Ok(problem) => anyhow!("{}", problem.detail),
        Err(_) => anyhow!("sriovd answered {status}"),
    }
}
