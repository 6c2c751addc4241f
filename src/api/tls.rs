//! TCP for other hosts: only with TLS, and only for who shows a certificate.

use super::peer::Peer;
use anyhow::{Context, bail};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;

/// Who we are, and whom we believe.
#[derive(Debug, Clone, Copy)]
pub struct TlsFiles<'a> {
    pub certificate: &'a Path,
    pub key: &'a Path,
    /// Signs the certificates of clients.
    pub client_ca: &'a Path,
}

#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    /// In whose certificate one of these names is, may change what others may only read.
    admins: Arc<[ServerName<'static>]>,
}

impl Tls {
    pub fn load(files: &TlsFiles<'_>, admins: &[ServerName<'static>]) -> anyhow::Result<Self> {
        let shown = files.client_ca.display();
        let mut clients = RootCertStore::empty();
        for ca in certificates(files.client_ca)? {
            let usable = clients.add(ca);
            usable.with_context(|| format!("a certificate in {shown} cannot be that of a CA"))?;
        }
        let provider = Arc::new(ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(clients.into(), Arc::clone(&provider));
        let verifier = verifier.build().with_context(|| {
            format!("certificates of clients cannot be verified with the CA in {shown}")
        })?;
        let (certificate, key) = (files.certificate.display(), files.key.display());
        let chain = certificates(files.certificate)?;
        let secret = PrivateKeyDer::from_pem_file(files.key);
        let secret = secret.with_context(|| format!("cannot read a private key from {key}"))?;
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, secret)
            .with_context(|| {
                format!(
                    "the key in {key} and the certificate in {certificate} cannot be used together"
                )
            })?;
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            admins: admins.into(),
        })
    }

    /// `None` for whoever has no certificate that we believe, or takes too long.
    pub(super) async fn accept(
        &self,
        stream: TcpStream,
        patience: Duration,
    ) -> Option<(TlsStream<TcpStream>, Peer)> {
        let accepted = timeout(patience, self.acceptor.accept(stream)).await;
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

fn certificates(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let shown = path.display();
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let read: Vec<_> = read.with_context(|| format!("cannot read certificates from {shown}"))?;
    if read.is_empty() {
        bail!("there is no certificate in {shown}");
    }
    Ok(read)
}
