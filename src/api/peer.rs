//! Who is at the other end of a connection, and whether they may change anything.

use nix::unistd::{Gid, Group, Uid, User, getgrouplist};
use std::ffi::CString;
use std::fmt;
use tokio::net::UnixStream;
use tokio::task::spawn_blocking;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    /// As the kernel says (`SO_PEERCRED`).
    User {
        uid: u32,
        gid: u32,
    },
    Unknown,
}

impl Peer {
    pub(super) fn of(stream: &UnixStream) -> Self {
        match stream.peer_cred() {
            Ok(credentials) => Self::User {
                uid: credentials.uid(),
                gid: credentials.gid(),
            },
            Err(_) => Self::Unknown,
        }
    }

    /// Root, the user that the daemon runs as, and the members of the admin group.
    pub(super) async fn may_change(self, admin_group: Option<&str>) -> bool {
        let Self::User { uid, gid } = self else {
            return false;
        };
        if uid == 0 || uid == rustix::process::geteuid().as_raw() {
            return true;
        }
        let Some(group) = admin_group.map(str::to_owned) else {
            return false;
        };
        // The user database may be on the network.
        let member = spawn_blocking(move || is_member(uid, gid, &group));
        member.await.unwrap_or(false)
    }
}

/// The kernel tells one group of a peer; of the others the user database knows.
fn is_member(uid: u32, gid: u32, group: &str) -> bool {
    let Ok(Some(group)) = Group::from_name(group) else {
        return false;
    };
    if group.gid.as_raw() == gid {
        return true;
    }
    let Ok(Some(user)) = User::from_uid(Uid::from_raw(uid)) else {
        return false;
    };
    let groups = CString::new(user.name).map(|name| getgrouplist(&name, Gid::from_raw(gid)));
    matches!(groups, Ok(Ok(groups)) if groups.contains(&group.gid))
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User { uid, .. } => write!(f, "user {uid}"),
            Self::Unknown => f.write_str("an unknown user"),
        }
    }
}
