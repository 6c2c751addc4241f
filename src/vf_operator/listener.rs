//! Where clients come from, and who they are.

use anyhow::Context;
use sriovd_wire::settings::Place;
use sriovd_wire::{Peer, socket};
use std::io;
use std::path::{Path, PathBuf};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};

pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Where clients come from. Which of them may change things depends on this.
#[derive(Debug)]
pub enum Listener {
    /// Every client that reaches it.
    Tcp(TcpListener),
    /// Clients that may do so through the agent's own socket.
    Unix(UnixListener),
}

impl Listener {
    /// Paths are below `root`.
    pub(crate) async fn bind(root: &Path, place: &Place) -> anyhow::Result<Self> {
        match place {
            Place::Socket(path) => socket::bind(&under(root, path)).map(Self::Unix),
            Place::Local(address) => {
                let listener = TcpListener::bind(address).await;
                listener
                    .map(Self::Tcp)
                    .with_context(|| format!("cannot listen on {address}"))
            }
        }
    }

    /// The next one, over whatever it comes, and who is at its other end.
    pub(crate) async fn accept(&self) -> io::Result<(Box<dyn Stream>, Peer)> {
        match self {
            Self::Tcp(listener) => Ok((Box::new(listener.accept().await?.0), Peer::Local)),
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                let peer = Peer::of(&stream);
                Ok((Box::new(stream), peer))
            }
        }
    }
}

/// An absolute path as it is below a root directory.
pub fn under(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}
