//! Where the daemon can be asked besides its own socket: TCP, TLS, and the API of vf-operator.

use super::shared::Shared;
use crate::api::{self, Tcp, Tls, TlsFiles};
use crate::settings::{Listen, Place, Settings, VfOperator};
use crate::vf_operator::{self, Listener};
use anyhow::Context;
use sriovd_host::file;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
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

pub(super) async fn for_vf_operator(
    settings: &Settings,
    root: &Path,
) -> anyhow::Result<Option<vf_operator::Listeners>> {
    let VfOperator {
        enabled,
        rest,
        grpc,
    } = &settings.vf_operator;
    let bind = async |place: &Place| match place {
        Place::Socket(path) => api::bind(&file::under(root, path)).map(Listener::Unix),
        Place::Local(address) => {
            let listener = TcpListener::bind(address).await;
            listener
                .map(Listener::Tcp)
                .with_context(|| format!("cannot listen on {address} for vf-operator's API"))
        }
    };
    if !enabled {
        return Ok(None);
    }
    let (rest, grpc) = (bind(rest).await?, bind(grpc).await?);
    Ok(Some(vf_operator::Listeners { rest, grpc }))
}

pub(super) async fn serve_vf_operator(
    listeners: Option<vf_operator::Listeners>,
    directory: PathBuf,
    state: api::State,
) -> anyhow::Result<Infallible> {
    match listeners {
        Some(listeners) => listeners.serve(directory, state).await,
        None => std::future::pending().await,
    }
}
