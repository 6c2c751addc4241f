//! Where the API is over TCP, and for whom.

use rustls_pki_types::ServerName;
use std::net::SocketAddr;
use std::path::PathBuf;

/// An address for the API over TCP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// A loopback address, without TLS: every user of this host may read.
    Local(SocketAddr),
    /// Any address, over TLS: clients with a certificate may read.
    Tls(SocketAddr, TlsSettings),
}

/// The files and names of an API over TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// The host's certificate with its chain, as PEM.
    pub certificate: PathBuf,
    /// The certificate's private key, as PEM.
    pub key: PathBuf,
    /// Signs the certificates of clients.
    pub client_ca: PathBuf,
    /// Clients whose certificate has one of these names may also change things.
    pub admins: Vec<ServerName<'static>>,
}
