//! One user's requests to the API server: HTTP and JSON, without a kubectl for each.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::network::Network;

const PATIENCE: Duration = Duration::from_secs(30);
const APPLY: &str = "application/apply-patch+yaml";
const MERGE: &str = "application/merge-patch+json";

/// The API server as one user sees it.
#[derive(Clone)]
pub struct Api {
    network: Arc<Network>,
    tls: TlsConnector,
    port: u16,
    token: String,
}

/// What the server says to a request.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Answer {
    /// The body, if the server did what it was asked to.
    pub fn ok(self) -> Result<Value> {
        ensure!(self.status < 300, "{}: {}", self.status, self.says());
        Ok(self.body)
    }

    /// Why it did not.
    pub fn says(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }
}

impl Api {
    pub(super) fn new(network: Arc<Network>, ca: &Path, port: u16, token: String) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca)?)?;
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            network,
            tls: TlsConnector::from(Arc::new(config)),
            port,
            token,
        })
    }

    pub fn get(&self, path: &str) -> Result<Answer> {
        self.send("GET", path, "", &Value::Null)
    }

    pub fn delete(&self, path: &str) -> Result<Answer> {
        self.send("DELETE", path, "", &Value::Null)
    }

    pub fn create(&self, path: &str, object: &Value) -> Result<Answer> {
        self.send("POST", path, "application/json", object)
    }

    pub fn replace(&self, path: &str, object: &Value) -> Result<Answer> {
        self.send("PUT", path, "application/json", object)
    }

    pub fn merge(&self, path: &str, patch: &Value) -> Result<Answer> {
        self.send("PATCH", path, MERGE, patch)
    }

    /// Server-side apply. Conflicts are overruled, unknown fields refused.
    pub fn apply(&self, path: &str, manager: &str, object: &Value) -> Result<Answer> {
        let path = format!("{path}?fieldManager={manager}&force=true&fieldValidation=Strict");
        self.send("PATCH", &path, APPLY, object)
    }

    pub fn send(&self, method: &str, path: &str, kind: &str, body: &Value) -> Result<Answer> {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let answer = self.network.within(|| {
            runtime()?.block_on(async {
                let exchange = async {
                    let response = self.request(method, path, kind, body).await?;
                    let status = response.status().as_u16();
                    Ok((status, response.into_body().collect().await?.to_bytes()))
                };
                let ended = timeout(PATIENCE, exchange).await;
                ended.context("no answer in time")?
            })
        });
        let (status, text): (u16, Bytes) = answer.with_context(|| format!("{method} {path}"))?;
        // /readyz and its like speak no JSON.
        let body = serde_json::from_slice(&text)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&text).into_owned()));
        Ok(Answer { status, body })
    }

    /// Follows what happens to the objects at a path, from now on or from a `resourceVersion` that the path names.
    pub fn watch(&self, path: &str) -> Result<Watch> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let path = format!("{path}{separator}watch=true");
        let (begun, begins) = mpsc::channel();
        let (events, watched) = mpsc::channel();
        let api = self.clone();
        // Ends with the server's stream or when nobody is left to hear of the next event.
        thread::spawn(move || {
            let follow = || {
                api.network.enter()?;
                runtime()?.block_on(async {
                    let mut response = api.request("GET", &path, "", String::new()).await?;
                    let _ = begun.send(Ok(response.status().as_u16()));
                    let mut text = Vec::new();
                    while let Some(frame) = response.body_mut().frame().await {
                        text.extend_from_slice(frame?.data_ref().map_or(&[], |data| data));
                        while let Some(end) = text.iter().position(|&byte| byte == b'\n') {
                            let line: Vec<u8> = text.drain(..=end).collect();
                            events.send(serde_json::from_slice(&line)?)?;
                        }
                    }
                    anyhow::Ok(())
                })
            };
            // What went wrong later is seen as the end of events.
            if let Err(error) = follow() {
                let _ = begun.send(Err(error));
            }
        });
        let status = begins
            .recv_timeout(PATIENCE)
            .context("no answer in time")??;
        ensure!(status == 200, "the server answers a watch with {status}");
        Ok(Watch(watched))
    }

    async fn request(
        &self,
        method: &str,
        path: &str,
        kind: &str,
        body: String,
    ) -> Result<Response<Incoming>> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        let name = ServerName::try_from("localhost")?;
        let stream = self.tls.connect(name, stream).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, "localhost")
            .header(AUTHORIZATION, format!("Bearer {}", self.token));
        if !kind.is_empty() {
            request = request.header(CONTENT_TYPE, kind);
        }
        let request = request.body(Full::new(Bytes::from(body)))?;
        Ok(sender.send_request(request).await?)
    }
}

/// Events as they come.
pub struct Watch(Receiver<Value>);

impl Watch {
    /// The next event of which something holds; those before it are skipped.
    pub fn wait_for(&self, patience: Duration, holds: impl Fn(&Value) -> bool) -> Result<Value> {
        let deadline = std::time::Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(std::time::Instant::now());
            match self.0.recv_timeout(left) {
                Ok(event) if holds(&event) => return Ok(event),
                Ok(_) => {}
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    bail!("no such event in {patience:?}")
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    return Err(anyhow!("the server ended the watch"));
                }
            }
        }
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?)
}
