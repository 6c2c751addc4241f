//! TCP for other hosts: only with TLS, and only for who shows a certificate.

use super::peer::Peer;
use anyhow::{Context, bail};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;

/// Who we are, and whom we believe.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// Our certificate, with those that signed it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Signs the certificates of clients.
    pub client_ca: PathBuf,
}

/// Why the files cannot be used, and which of them it is about.
#[derive(Debug, thiserror::Error)]
#[error("{reason:#}")]
pub struct TlsError {
    /// The file.
    pub file: PathBuf,
    reason: anyhow::Error,
}

/// TLS 1.3 with certificates on both sides. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Tls {
    files: Arc<TlsFiles>,
    acceptor: Arc<RwLock<TlsAcceptor>>,
    /// In whose certificate one of these names is, may change what others may only read.
    admins: Arc<[ServerName<'static>]>,
}

impl Tls {
    /// Reads the files. An error names the one that cannot be used.
    pub fn load(files: TlsFiles, admins: &[ServerName<'static>]) -> Result<Self, TlsError> {
        Ok(Self {
            acceptor: Arc::new(RwLock::new(acceptor(&files)?)),
            files: Arc::new(files),
            admins: admins.into(),
        })
    }

    /// Reads the files again, for connections from now on. Where they cannot be used, what they
    /// were before stays.
    pub fn reload(&self) -> Result<(), TlsError> {
        let read = acceptor(&self.files)?;
        *self
            .acceptor
            .write()
            .unwrap_or_else(PoisonError::into_inner) = read;
        Ok(())
    }

    /// `None` for whoever has no certificate that we believe, or takes too long.
    pub(super) async fn accept(
        &self,
        stream: TcpStream,
        patience: Duration,
    ) -> Option<(TlsStream<TcpStream>, Peer)> {
        let acceptor = self.acceptor.read().map(|it| it.clone());
        let acceptor = acceptor.unwrap_or_else(|poisoned| poisoned.into_inner().clone());
        let accepted = timeout(patience, acceptor.accept(stream)).await;
        let stream = accepted.ok()?.ok()?;
        let certificates = stream.get_ref().1.peer_certificates();
        let peer = self.peer(certificates?.first()?)?;
        Some((stream, peer))
    }

    fn peer(&self, certificate: &CertificateDer<'_>) -> Option<Peer> {
        let certificate = ParsedCertificate::try_from(certificate).ok()?;
        let is = |name: &&ServerName<'_>| verify_server_name(&certificate, name).is_ok();
        Some(match self.admins.iter().find(is) {
            Some(admin) => Peer::Admin(admin.to_str().into_owned()),
            None => Peer::Guest,
        })
    }
}

fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, TlsError> {
    let about = |file: &Path| {
        let file = file.to_owned();
        move |reason: anyhow::Error| TlsError { file, reason }
    };
    let provider = Arc::new(ring::default_provider());
    let clients = clients(&files.client_ca, &provider).map_err(about(&files.client_ca))?;
    let chain = certificates(&files.certificate).map_err(about(&files.certificate))?;
    let config = || {
        let (certificate, key) = (files.certificate.display(), files.key.display());
        let secret = PrivateKeyDer::from_pem_file(&files.key);
        let secret = secret.with_context(|| format!("cannot read a private key from {key}"))?;
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(clients)
            .with_single_cert(chain, secret);
        config.with_context(|| {
            format!("the key in {key} and the certificate in {certificate} cannot be used together")
        })
    };
    let config = config().map_err(about(&files.key))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Who verifies the certificates of clients.
fn clients(
    path: &Path,
    provider: &Arc<CryptoProvider>,
) -> anyhow::Result<Arc<dyn ClientCertVerifier>> {
    let shown = path.display();
    let mut clients = RootCertStore::empty();
    for ca in certificates(path)? {
        let usable = clients.add(ca);
        usable.with_context(|| format!("a certificate in {shown} cannot be that of a CA"))?;
    }
    let verifier =
        WebPkiClientVerifier::builder_with_provider(clients.into(), Arc::clone(provider));
    verifier.build().with_context(|| {
        format!("certificates of clients cannot be verified with the CA in {shown}")
    })
}

fn certificates(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let shown = path.display();
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let read: Vec<_> = read.with_context(|| format!("cannot read certificates from {shown}"))?;
    if read.is_empty() {
        bail!("there is no certificate in {shown}");
    }
    Ok(read)
}
