//! What of `/etc/sriovd.toml` bridges read, and the agent too.
#![deny(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros
)]

use sriovd_core::policy::diagnostic::Diagnostic;
use sriovd_core::policy::reader::{
    Boolean, Document, Fault, KeyPath, PathStep, scalar, table, within,
};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Component, Path, PathBuf};

/// Where the settings are, under the root.
pub const FILE: &str = "/etc/sriovd.toml";

/// Where the agent answers unless the settings say otherwise.
pub const SOCKET: &str = "/run/sriovd/sriovd.sock";

/// What a bridge for vf-operator needs to know. Paths are absolute and without `..`; the root is not yet in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bridge {
    /// Where the agent answers.
    pub socket: PathBuf,
    /// The group whose members may change things. Others may only read.
    pub admin_group: Option<String>,
    /// Where vf-operator's API is.
    pub vf_operator: VfOperator,
}

/// The API of vf-operator, for programs that were written for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VfOperator {
    /// Whether it is there at all.
    pub enabled: bool,
    /// REST with JSON.
    pub rest: Place,
    /// gRPC, also without TLS.
    pub grpc: Place,
}

/// Where vf-operator's API is. Which users may change VFs through it depends on this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A loopback address: every user of this host.
    Local(SocketAddr),
    /// A Unix socket: the users that may do so through the agent's own socket.
    Socket(PathBuf),
}

impl Default for VfOperator {
    fn default() -> Self {
        let local = |port| Place::Local(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        Self {
            enabled: false,
            rest: local(15001),
            grpc: local(5001),
        }
    }
}

table! {
    /// `/etc/sriovd.toml`, as far as it is for bridges.
    BridgeDraft: "this file" {
        /// Where the agent answers
        api: AgentDraft,
        /// The API of vf-operator
        vf_operator: VfOperatorDraft,
    }
}

table! {
    /// `[api]`, as far as it is for bridges.
    AgentDraft: "[api]" {
        /// Where the agent is found
        socket: AbsolutePath,
        /// Its members may change what others may only read
        admin_group: Group,
    }
}

table! {
    /// `[vf_operator]`.
    pub VfOperatorDraft: "[vf_operator]" {
        /// Whether it answers
        enabled: Boolean,
        /// Where REST is
        rest: LocalPlace,
        /// Where gRPC is
        grpc: LocalPlace,
    }
}

/// Nothing that leads out of the root.
pub fn path(text: &str) -> Option<PathBuf> {
    let mut components = Path::new(text).components();
    let valid = components.next() == Some(Component::RootDir)
        && components.clone().next().is_some()
        && components.all(|component| matches!(component, Component::Normal(_)))
        && !text.contains(char::is_control);
    valid.then(|| text.into())
}

/// The empty text is none.
pub fn or_none<T>(text: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<Option<T>> {
    match text {
        "" => Some(None),
        text => read(text).map(Some),
    }
}

/// A name of such characters, which no program takes for an option.
pub fn name(text: &str, longest: usize, others: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || others.contains(c);
    let valid = text.len() <= longest && !text.starts_with('-') && text.chars().all(plain);
    valid.then(|| text.to_owned())
}

/// What `path` expects.
pub const PATH: &str = "an absolute path without \"..\"";

scalar! {
    /// A file or directory under the root.
    pub AbsolutePath(PathBuf): text, PATH, path
}

scalar! {
    /// A group of users, or none.
    pub Group(Option<String>): text, "the name of a group, or \"\" for none",
    |text| or_none(text, |text| name(text, 255, "-._"))
}

scalar! {
    /// Over TCP it is not known who asks: nobody from outside.
    pub LocalPlace(Place): text,
    "an address of this host for itself with a port, such as \"127.0.0.1:15001\", \
     or the path of a Unix socket",
    |text| {
        let address = text.parse().ok();
        let local = address.filter(|address: &SocketAddr| address.ip().is_loopback());
        local.map(Place::Local).or_else(|| path(text).map(Place::Socket))
    }
}

/// `own`: the agent's socket.
pub fn check_vf_operator(
    draft: &VfOperatorDraft,
    own: &Path,
    faults: &mut Vec<Fault>,
) -> VfOperator {
    let default = VfOperator::default();
    let enabled = draft.enabled.or(default.enabled);
    let rest = draft.rest.or(default.rest);
    let grpc = draft.grpc.or(default.grpc);
    // The later one would take the place of the other.
    for (key, place) in [("rest", &rest), ("grpc", &grpc)] {
        if matches!(place, Place::Socket(path) if path == own) {
            let fault = Fault::new("this is the agent's own socket").at(key);
            faults.push(fault.expecting("another path"));
        }
    }
    if rest == grpc {
        let fault = Fault::new("\"rest\" is in the same place").at("grpc");
        faults.push(fault.expecting("another address or path"));
    }
    let is_open = matches!(&rest, Place::Local(_)) || matches!(&grpc, Place::Local(_));
    if enabled && is_open {
        let fault = Fault::new("every user of this host may change VFs through this API");
        faults.push(fault.at("enabled").warning().suggesting(
            "give \"rest\" and \"grpc\" the path of a Unix socket each where that is not meant",
        ));
    }
    VfOperator {
        enabled,
        rest,
        grpc,
    }
}

impl Bridge {
    /// The path is for messages only. All other keys are the agent's to judge.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Vec<Diagnostic>> {
        let document = Document::parse(path, text)?;
        let (draft, mut faults): (BridgeDraft, _) = document.read();
        let api = draft.api.or_default();
        let socket = api.socket.or(SOCKET.into());
        let vf_operator = within("vf_operator", &mut faults, |faults| {
            check_vf_operator(&draft.vf_operator.or_default(), &socket, faults)
        });
        faults.retain(|fault| fault.is_error() && is_ours(&fault.path));
        match faults.is_empty() {
            true => Ok(Self {
                socket,
                admin_group: api.admin_group.cloned().flatten(),
                vf_operator,
            }),
            false => Err(document.diagnostics(faults)),
        }
    }
}

fn is_ours(path: &KeyPath) -> bool {
    let keys = path.0.iter().map(|step| match step {
        PathStep::Key(key) => key.as_str(),
        PathStep::Index(_) => "",
    });
    let keys: Vec<_> = keys.take(2).collect();
    matches!(
        keys[..],
        [] | ["vf_operator", ..] | ["api"] | ["api", "socket" | "admin_group"]
    )
}

#[cfg(test)]
mod tests;
