//! The Unix socket: as the service manager passes it, or bound here.

use anyhow::{Context, bail};
use inotify::{EventStream, Inotify, WatchMask};
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use tokio::net::UnixListener;

/// The socket of `sriovd.socket` if the service manager started us with it (`LISTEN_FDS`), whose
/// mode and group are the unit's; else one at `path`.
pub fn listen(path: &Path) -> anyhow::Result<UnixListener> {
    let passed = listenfd::ListenFd::from_env().take_unix_listener(0);
    match passed.context("the file descriptor in LISTEN_FDS is not a listening Unix socket")? {
        Some(listener) => {
            let blocking = "cannot use the socket from the service manager";
            listener.set_nonblocking(true).context(blocking)?;
            UnixListener::from_std(listener).context(blocking)
        }
        None => bind(path),
    }
}

/// A socket at `path` for its owner and group. One left behind by a crash is replaced, and nothing else.
pub fn bind(path: &Path) -> anyhow::Result<UnixListener> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)
            .with_context(|| format!("cannot create {}", directory.display()))?;
    }
    let place = path.display();
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("cannot look at {place}")),
        Ok(there) if there.file_type().is_socket() => {
            fs::remove_file(path).with_context(|| format!("cannot replace {place}"))?;
        }
        Ok(_) => bail!("cannot listen on {place}: there is something else that is no socket"),
    }
    let listener =
        UnixListener::bind(path).with_context(|| format!("cannot listen on {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o660))
        .with_context(|| format!("cannot set the mode of {}", path.display()))?;
    Ok(listener)
}

/// Whoever makes, mends or removes a socket is told of in its directory, and in those above.
const MAKING: WatchMask = WatchMask::CREATE
    .union(WatchMask::MOVED_TO)
    .union(WatchMask::ATTRIB)
    .union(WatchMask::DELETE_SELF);

/// What happens from now on to the directory of a socket, or where that is not there, above it.
pub fn changes(socket: &Path) -> io::Result<EventStream<Vec<u8>>> {
    let inotify = Inotify::init()?;
    let mut result = Err(ErrorKind::NotFound.into());
    for directory in socket.ancestors().skip(1) {
        result = inotify.watches().add(directory, MAKING);
        match &result {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            _ => break,
        }
    }
    result?;
    inotify.into_event_stream(vec![0; 4096])
}

#[cfg(test)]
mod tests;
