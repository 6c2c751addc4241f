//! Who is at the other end of the socket, as the kernel says (`SO_PEERCRED`).

use std::fmt;
use tokio::net::UnixStream;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) uid: Option<u32>,
}

impl Peer {
    pub(super) fn of(stream: &UnixStream) -> Self {
        let uid = stream.peer_cred().map(|credentials| credentials.uid());
        Self { uid: uid.ok() }
    }

    /// Root, and the user that the daemon runs as.
    pub(super) fn may_change(self) -> bool {
        self.uid
            .is_some_and(|uid| uid == 0 || uid == rustix::process::geteuid().as_raw())
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.uid {
            Some(uid) => write!(f, "user {uid}"),
            None => f.write_str("an unknown user"),
        }
    }
}
