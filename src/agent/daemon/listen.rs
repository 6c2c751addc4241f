//! Where the daemon can be asked besides its own socket: TCP and TLS.

use super::shared::Shared;
use crate::api::{Tcp, Tls, TlsFiles};
use crate::settings::Listen;
use anyhow::Context;
use sriovd_host::file;
use std::net::SocketAddr;
use tokio::net::TcpListener;

pub(super) fn tls(shared: &Shared) -> anyhow::Result<Option<Tls>> {
    let Some(Listen::Tls(address, tls)) = &shared.settings.api.listen else {
        return Ok(None);
    };
    let files = TlsFiles {
        certificate: file::under(&shared.root, &tls.certificate),
        key: file::under(&shared.root, &tls.key),
        client_ca: file::under(&shared.root, &tls.client_ca),
    };
    let tls = Tls::load(files, &tls.admins);
    tls.map(Some)
        .with_context(|| format!("cannot listen on {address} with TLS"))
}

pub(super) async fn on_tcp(shared: &Shared) -> anyhow::Result<Option<Tcp>> {
    let bind = async |address: &SocketAddr| {
        let listener = TcpListener::bind(address).await;
        listener.with_context(|| format!("cannot listen on {address}"))
    };
    let (Some(Listen::Local(address) | Listen::Tls(address, _)), tls) =
        (&shared.settings.api.listen, &shared.tls)
    else {
        return Ok(None);
    };
    let listener = bind(address).await?;
    Ok(Some(match tls {
        Some(tls) => Tcp::Tls(listener, tls.clone()),
        None => Tcp::Local(listener),
    }))
}
