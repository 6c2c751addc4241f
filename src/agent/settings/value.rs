//! What keys of the agent's settings take that have no type of their own.

use super::{CniPlugin, LogLevel, WhenInstalled};
use rustls_pki_types::ServerName;
use serde_json::json;
use sriovd_core::policy::reader::{Words, integer, scalar};
use sriovd_wire::settings::{PATH, name, or_none, path};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

scalar! {
    /// A file under the root, or none.
    pub(super) PathOrNone(Option<PathBuf>): text, PATH, |text| or_none(text, path)
}

scalar! {
    /// A time.
    pub(super) Seconds(Duration) as "a number of seconds from 1 to 86400", Vec::new(),
    json!({"type": "integer", "minimum": 1, "maximum": 86_400}),
    |given| integer(given, 1..=86_400).map(Duration::from_secs)
}

scalar! {
    /// What the kernel takes: two pages hold a few events at least, and it doubles the number.
    pub(super) Buffer(usize), 4096..=1_073_741_824, "a number of bytes from 4096 to 1073741824"
}

scalar! {
    /// A unit of systemd, or none.
    pub(super) Unit(Option<String>): text,
    "the name of a systemd unit such as \"sriov-device-plugin.service\", or \"\" for none",
    |text| or_none(text, |text| {
        let (before, kind) = text.rsplit_once('.')?;
        let valid = !before.is_empty()
            && !kind.is_empty()
            && kind.bytes().all(|b| b.is_ascii_lowercase());
        name(text, 255, ":-_.\\@").filter(|_| valid)
    })
}

scalar! {
    /// A host name, or none.
    pub(super) HostName(Option<String>): text, "a host name, or \"\" for the host's own",
    |text| or_none(text, |text| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        (text.len() <= 253 && text.chars().all(plain)).then(|| text.to_owned())
    })
}

scalar! {
    /// Where to listen, or nowhere.
    pub(super) Listener(Option<SocketAddr>): text,
    "an address with a port, such as \"127.0.0.1:8080\", or \"\" for none",
    |text| or_none(text, |text| text.parse().ok())
}

scalar! {
    /// A name in the certificate of a client, or none.
    pub(super) Client(Option<ServerName<'static>>): text,
    "a name as certificates have them, such as \"admin.example.org\", or \"\"",
    |text| or_none(text, |text| ServerName::try_from(text.to_owned()).ok())
}

impl Words for LogLevel {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("error", Self::Error),
        ("warn", Self::Warn),
        ("info", Self::Info),
        ("debug", Self::Debug),
        ("trace", Self::Trace),
    ];
}

impl Words for CniPlugin {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("auto", Self::Auto),
        ("sriov", Self::Sriov),
        ("sriovd-cni", Self::Ours),
    ];
}

impl Words for WhenInstalled {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("auto", Self::Auto),
        ("always", Self::Always),
        ("never", Self::Never),
    ];
}
