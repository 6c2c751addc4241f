//! The daemon, where one runs, and what can be had without it.

use crate::options::Options;
use crate::output;
use crate::own::Own;
use sriovd_core::model::HostSnapshot;
use sriovd_wire::client::{Client, Unreachable};

pub(crate) fn daemon(options: &Options) -> Result<Client, Unreachable> {
    match &options.socket {
        Some(socket) => Client::new(socket),
        None => Client::new(&own(options).socket()),
    }
}

/// `None` where no daemon runs. A socket that somebody asked for by name has to be there.
pub(crate) fn running_daemon(options: &Options) -> Result<Option<Client>, Unreachable> {
    match daemon(options) {
        Err(Unreachable::NotRunning { .. }) if options.socket.is_none() => Ok(None),
        client => client.map(Some),
    }
}

/// Everybody may look, if not at what the daemon remembers.
pub(crate) fn daemon_to_read(options: &Options) -> Result<Option<Client>, Unreachable> {
    match running_daemon(options) {
        Err(forbidden @ Unreachable::Forbidden { .. }) if options.socket.is_none() => {
            output::note(&format!("{forbidden}; looking without it"));
            Ok(None)
        }
        client => client,
    }
}

pub(crate) fn own(options: &Options) -> Own<'_> {
    Own::new(&options.root)
}

/// The daemon's, or our own look where none runs.
pub(crate) fn snapshot(options: &Options) -> anyhow::Result<HostSnapshot> {
    match daemon_to_read(options)? {
        Some(client) => client.get("/v1/snapshot"),
        None => own(options).snapshot(),
    }
}
