//! Other hosts: who has which certificate may do what.

use super::daemon::*;
use crate::api::Limits;
use crate::api::context::Api;
use crate::api::server::serve_tls;
use crate::api::{Feed, Kubelet, Sources, State, Tls, TlsFiles, View};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use sriovd_core::memory::Memory;
use sriovd_host::file::apart::Apart;
use sriovd_sim::{DriverModel, SimHost, SimPf};
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

const ADMIN: &str = "admin.example.org";

struct Ca {
    pem: String,
    der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

struct Identity {
    pem: String,
    key_pem: String,
    der: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Ca {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = parameters.self_signed(&key).unwrap();
        Self {
            pem: certificate.pem(),
            der: certificate.der().clone(),
            issuer: Issuer::new(parameters, key),
        }
    }

    fn issue(&self, name: &str) -> Identity {
        let key = KeyPair::generate().unwrap();
        let parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
        Identity {
            pem: certificate.pem(),
            der: certificate.der().clone(),
            key_pem: key.serialize_pem(),
            key: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        }
    }
}

/// What an administrator would have put on the host.
struct Files(tempfile::TempDir);

impl Files {
    fn new(ca: &Ca, server: &Identity) -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        fs::write(files.path("server.pem"), &server.pem).unwrap();
        fs::write(files.path("server.key"), &server.key_pem).unwrap();
        fs::write(files.path("ca.pem"), &ca.pem).unwrap();
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn load(&self) -> anyhow::Result<Tls> {
        let files = TlsFiles {
            certificate: self.path("server.pem"),
            key: self.path("server.key"),
            client_ca: self.path("ca.pem"),
        };
        Ok(Tls::load(files, &[ServerName::try_from(ADMIN).unwrap()])?)
    }
}

struct Server {
    address: SocketAddr,
    ca: Ca,
    files: Files,
    tls: Tls,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(limits: Limits) -> Self {
        let ca = Ca::new();
        let files = Files::new(&ca, &ca.issue("localhost"));
        let tls = files.load().unwrap();
        let host = SimHost::default();
        host.plug(SimPf::new(pf(), DriverModel::IGB));
        let (requests, asked) = (mpsc::channel(4), Arc::default());
        tokio::spawn(coordinate(requests.1, Arc::clone(&asked)));
        let (sender, view) = watch::channel(Arc::new(View::default()));
        let state = State {
            view,
            host: Arc::new(host),
            memory: Arc::new(Memory::default()),
            requests: requests.0,
            feed: Feed::new().unwrap(),
            admin_group: None,
            sources: Sources::new("/nonexistent".into(), Apart::default()),
            kubelet: Kubelet::new("/nonexistent".into(), Apart::default()),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = tls.clone();
        tokio::spawn(async move {
            let _sender = sender;
            serve_tls(listener, served, Api::new(state, limits)).await
        });
        Self {
            address,
            ca,
            files,
            tls,
            asked,
        }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// What comes back, or why nothing does.
    async fn ask(&self, identity: Option<&Identity>, request: &str) -> std::io::Result<String> {
        let mut servers = RootCertStore::empty();
        servers.add(self.ca.der.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(servers);
        let config = match identity {
            Some(it) => config
                .with_client_auth_cert(vec![it.der.clone()], it.key.clone_key())
                .unwrap(),
            None => config.with_no_client_auth(),
        };
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        let mut stream = connector.connect(name, stream).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok(String::from_utf8(answer).unwrap())
    }
}

fn request(method: &str, path: &str, headers: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: worker-1:8443\r\n{headers}\r\n")
}

#[tokio::test]
async fn any_certificate_reads_and_that_of_an_administrator_changes() {
    let server = Server::start(ROOMY).await;
    let (admin, guest) = (server.ca.issue(ADMIN), server.ca.issue("me.example.org"));
    for who in [&admin, &guest] {
        for path in ["/v1/status", "/", "/docs", "/openapi.json", "/v1/pfs"] {
            let answer = server.ask(Some(who), &request("GET", path, "")).await;
            assert!(answer.unwrap().starts_with("HTTP/1.1 200"), "{path}");
        }
    }
    for path in ["/v1/apply", "/v1/pause", "/v1/resume", "/v1/reload"] {
        let answer = server.ask(Some(&guest), &request("POST", path, "")).await;
        let answer = answer.unwrap();
        assert!(answer.starts_with("HTTP/1.1 403"), "{path} {answer}");
        let told = "a client with this certificate may read; changing is for root";
        assert!(answer.contains(told), "{answer}");
    }
    assert_eq!(server.asked(), [""; 0]);
    let answer = server
        .ask(Some(&admin), &request("POST", "/v1/reload", ""))
        .await;
    assert!(answer.unwrap().starts_with("HTTP/1.1 200"));
    assert_eq!(server.asked(), [format!("reload by {ADMIN}")]);
}

#[tokio::test]
async fn a_page_from_elsewhere_changes_nothing_with_an_administrators_certificate() {
    let server = Server::start(ROOMY).await;
    let admin = server.ca.issue(ADMIN);
    let origin = "Origin: https://evil.example\r\n";
    let answer = server
        .ask(Some(&admin), &request("POST", "/v1/reload", origin))
        .await
        .unwrap();
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert!(answer.contains("not for pages in a browser"), "{answer}");
    assert_eq!(server.asked(), [""; 0]);
}

#[tokio::test]
async fn without_a_certificate_of_the_ca_nobody_is_answered() {
    let server = Server::start(ROOMY).await;
    let stranger = Ca::new().issue(ADMIN);
    for who in [None, Some(&stranger)] {
        let answer = server.ask(who, &request("GET", "/v1/status", "")).await;
        assert!(answer.is_err(), "{answer:?}");
    }
    let mut plain = TcpStream::connect(server.address).await.unwrap();
    let request = request("POST", "/v1/reload", "");
    plain.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    assert_eq!(server.asked(), [""; 0]);
}

#[tokio::test]
async fn who_does_not_greet_loses_the_place() {
    let server = Server::start(BRIEF).await;
    let guest = server.ca.issue("me.example.org");
    // There is one place only.
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    let request = request("GET", "/v1/status", "");
    let answer = server.ask(Some(&guest), &request).await;
    assert!(answer.unwrap().starts_with("HTTP/1.1 200"));
    assert_eq!(silent.read(&mut [0; 16]).await.unwrap(), 0);
}

#[tokio::test]
async fn files_are_read_again_and_bad_ones_change_nothing() {
    let server = Server::start(ROOMY).await;
    let (before, after) = (Ca::new(), Ca::new());
    let guests = [server.ca.issue("a"), before.issue("a"), after.issue("a")];
    let status = request("GET", "/v1/status", "");
    let answered = async || {
        let mut answered = Vec::new();
        for guest in &guests {
            answered.push(server.ask(Some(guest), &status).await.is_ok());
        }
        answered
    };
    assert_eq!(answered().await, [true, false, false]);
    let ca = server.files.path("ca.pem");
    // During a change of the CA both are believed.
    fs::write(&ca, server.ca.pem.clone() + &before.pem).unwrap();
    assert_eq!(answered().await, [true, false, false]);
    server.tls.reload().unwrap();
    assert_eq!(answered().await, [true, true, false]);

    fs::write(&ca, &after.pem).unwrap();
    let key = server.files.path("server.key");
    let good = fs::read(&key).unwrap();
    fs::write(&key, "x").unwrap();
    let error = server.tls.reload().unwrap_err();
    assert_eq!(error.file, key);
    assert_eq!(answered().await, [true, true, false]);
    fs::write(&key, good).unwrap();
    server.tls.reload().unwrap();
    assert_eq!(answered().await, [false, false, true]);
}

#[test]
fn files_that_are_not_what_they_should_be_are_told() {
    let ca = Ca::new();
    let server = ca.issue("localhost");
    let other = ca.issue("localhost");
    let fault = |file: &str, content: Option<&str>| {
        let files = Files::new(&ca, &server);
        match content {
            Some(content) => fs::write(files.path(file), content).unwrap(),
            None => fs::remove_file(files.path(file)).unwrap(),
        }
        let error = files.load().err().unwrap();
        let directory = files.0.path().display().to_string();
        format!("{error:#}").replace(&directory, "")
    };
    for (file, content, expected) in [
        (
            "server.pem",
            None,
            "cannot read certificates from /server.pem: ",
        ),
        (
            "server.pem",
            Some("x"),
            "there is no certificate in /server.pem",
        ),
        (
            "server.key",
            Some("x"),
            "cannot read a private key from /server.key: ",
        ),
        (
            "server.key",
            Some(other.key_pem.as_str()),
            "the key in /server.key and the certificate in /server.pem cannot be used together: ",
        ),
        ("ca.pem", Some(""), "there is no certificate in /ca.pem"),
    ] {
        let told = fault(file, content);
        assert!(told.starts_with(expected), "{told}");
    }
}
