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
use std::path::Path;
use tokio::net::UnixStream;
use tokio::runtime::Runtime;

pub(super) struct Client {
    runtime: Runtime,
    sender: SendRequest<Full<Bytes>>,
}

impl Client {
    pub(super) fn new(socket: &Path) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let sender = runtime.block_on(async {
            let stream = UnixStream::connect(socket).await.with_context(|| {
                format!(
                    "cannot reach the daemon on {} (is sriovd running?)",
                    socket.display()
                )
            })?;
            let (sender, connection) = handshake(TokioIo::new(stream)).await?;
            tokio::spawn(connection);
            anyhow::Ok(sender)
        })?;
        Ok(Self { runtime, sender })
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
            let response = self.sender.send_request(request).await?;
            let status = response.status();
            anyhow::Ok((status, response.into_body().collect().await?.to_bytes()))
        })?;
        if status != StatusCode::OK {
            return Err(refusal(status, &body));
        }
        serde_json::from_slice(&body).context("cannot make sense of the daemon's answer")
    }
}

fn refusal(status: StatusCode, body: &[u8]) -> anyhow::Error {
    match serde_json::from_slice::<ProblemDetails>(body) {
        Ok(problem) => anyhow!("{}", problem.detail),
        Err(_) => anyhow!("the daemon answered {status}"),
    }
}
