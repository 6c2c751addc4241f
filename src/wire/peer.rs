//! Who is at the other end of a connection, and whether they may change anything.

use axum::http::uri::Authority;
use axum::http::{HeaderMap, header};
use nix::unistd::{Gid, Group, Uid, User, getgrouplist};
use std::ffi::CString;
use std::fmt;
use std::net::IpAddr;
use tokio::net::UnixStream;
use tokio::task::spawn_blocking;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// As the kernel says (`SO_PEERCRED`).
    User {
        /// Of the process.
        uid: u32,
        /// Of the process.
        gid: u32,
    },
    /// The kernel does not say.
    Unknown,
    /// Over TCP, from this host: whoever that is.
    Local,
    /// With a certificate that has a name of an administrator.
    Admin(String),
    /// With another certificate that we believe.
    Guest,
}

/// Why somebody's change is not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{peer} may read; changing is for root{}", and(admin_group.as_deref()))]
pub struct MayOnlyRead {
    peer: Peer,
    admin_group: Option<String>,
}

fn and(group: Option<&str>) -> String {
    let and = group.map(|group| format!(" and the group {group}"));
    and.unwrap_or_default()
}

impl Peer {
    /// Who is at the other end of a Unix socket.
    pub fn of(stream: &UnixStream) -> Self {
        match stream.peer_cred() {
            Ok(credentials) => Self::User {
                uid: credentials.uid(),
                gid: credentials.gid(),
            },
            Err(_) => Self::Unknown,
        }
    }

    /// Whether they may change anything: root, the user that the daemon runs as, and the members of
    /// the admin group.
    pub async fn ask_to_change(&self, admin_group: Option<&str>) -> Result<(), MayOnlyRead> {
        match self.may_change(admin_group).await {
            true => Ok(()),
            false => Err(MayOnlyRead {
                peer: self.clone(),
                admin_group: admin_group.map(str::to_owned),
            }),
        }
    }

    /// The same, without a reason.
    pub async fn may_change(&self, admin_group: Option<&str>) -> bool {
        let (uid, gid) = match *self {
            Self::User { uid, gid } => (uid, gid),
            Self::Admin(_) => return true,
            Self::Unknown | Self::Local | Self::Guest => return false,
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

    /// Whether it is a process of the user with this name.
    pub async fn is_user(&self, name: &'static str) -> bool {
        let Self::User { uid, .. } = *self else {
            return false;
        };
        let user = spawn_blocking(move || User::from_name(name));
        matches!(user.await, Ok(Ok(Some(user))) if user.uid.as_raw() == uid)
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

/// Whether a request names this host as programs do. A page in a browser can be made to send
/// requests here under a name that only leads here.
pub fn is_for_this_host(headers: &HeaderMap) -> bool {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let authority = host.and_then(|host| host.parse::<Authority>().ok());
    authority.is_some_and(|authority| {
        let name = authority.host().trim_matches(['[', ']']);
        name == "localhost" || name.parse::<IpAddr>().is_ok()
    })
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User { uid, .. } => write!(f, "user {uid}"),
            Self::Unknown => f.write_str("an unknown user"),
            Self::Local => f.write_str("a client over TCP"),
            Self::Admin(name) => f.write_str(name),
            Self::Guest => f.write_str("a client with this certificate"),
        }
    }
}
