//! Where the API is over TCP, and for whom.

use super::draft::ApiDraft;
use rustls_pki_types::ServerName;
use sriovd_core::policy::reader::{Fault, Key};
use std::net::SocketAddr;
use std::path::PathBuf;

/// An address for the API over TCP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// A loopback address, without TLS: every user of this host may read.
    Local(SocketAddr),
    /// Any address, over TLS: clients with a certificate may read.
    Tls(SocketAddr, Tls),
}

/// The files and names of an API over TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The host's certificate with its chain, as PEM.
    pub certificate: PathBuf,
    /// The certificate's private key, as PEM.
    pub key: PathBuf,
    /// Signs the certificates of clients.
    pub client_ca: PathBuf,
    /// Clients whose certificate has one of these names may also change things.
    pub admins: Vec<ServerName<'static>>,
}

pub(super) fn listen(draft: &ApiDraft, faults: &mut Vec<Fault>) -> Option<Listen> {
    let files = [&draft.tls_certificate, &draft.tls_key, &draft.tls_client_ca];
    let is_bad = files.iter().any(|file| matches!(file, Key::Wrong));
    let [certificate, key, client_ca] = files.map(|file| file.cloned().flatten());
    let admins = draft.tls_admins.or_default();
    let address = draft.listen.cloned().flatten();
    let address = address?;
    match (certificate, key, client_ca) {
        (Some(certificate), Some(key), Some(client_ca)) => {
            let admins = admins.into_iter().flatten().collect();
            let tls = Tls {
                certificate,
                key,
                client_ca,
                admins,
            };
            Some(Listen::Tls(address, tls))
        }
        _ if is_bad => None,
        (None, None, None) if address.ip().is_loopback() => Some(Listen::Local(address)),
        (certificate, key, _) => {
            let missing = match (certificate, key) {
                (None, _) => "tls_certificate",
                (_, None) => "tls_key",
                _ => "tls_client_ca",
            };
            let others = match address.ip().is_loopback() {
                true => "TLS is asked for",
                false => "other hosts can reach this address",
            };
            let fault = Fault::new(format!("{others}, and there is no \"{missing}\"")).expecting(
                "files with tls_certificate, tls_key and tls_client_ca, \
                 or an address such as \"127.0.0.1:8080\" and none of them",
            );
            faults.push(fault.at("listen"));
            None
        }
    }
}
