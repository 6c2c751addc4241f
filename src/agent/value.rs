//! Values of the agent's settings.

use super::{CniPlugin, LogLevel, Place, WhenInstalled};
use crate::policy::reader::Expected;
use crate::policy::reader::value::{integer, text, word};
use rustls_pki_types::ServerName;
use std::net::SocketAddr;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;
use toml::de::DeValue;

/// Nothing that leads out of the root.
pub(super) fn path(value: &DeValue<'_>) -> Result<PathBuf, Expected> {
    let expected = "an absolute path without \"..\"";
    let path = text(value, expected, |text| {
        let mut components = Path::new(text).components();
        components.next() == Some(Component::RootDir)
            && components.clone().next().is_some()
            && components.all(|component| matches!(component, Component::Normal(_)))
            && !text.contains(char::is_control)
    });
    path.map(PathBuf::from)
}

pub(super) fn seconds(value: &DeValue<'_>) -> Result<Duration, Expected> {
    integer(value, 1..=86_400, "a number of seconds from 1 to 86400").map(Duration::from_secs)
}

/// What the kernel takes: two pages hold a few events at least, and it doubles the number.
pub(super) fn buffer(value: &DeValue<'_>) -> Result<usize, Expected> {
    let expected = "a number of bytes from 4096 to 1073741824";
    integer(value, 4096..=1 << 30, expected)
}

/// The empty text is none.
pub(super) fn unit(value: &DeValue<'_>) -> Result<Option<String>, Expected> {
    let expected =
        "the name of a systemd unit such as \"sriov-device-plugin.service\", or \"\" for none";
    let unit = text(value, expected, |text| {
        let plain = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c);
        let named = text.rsplit_once('.').is_some_and(|(name, kind)| {
            !name.is_empty()
                && !name.starts_with('-')
                && kind.bytes().all(|b| b.is_ascii_lowercase())
                && !kind.is_empty()
        });
        text.is_empty() || (text.len() <= 255 && named && text.chars().all(plain))
    });
    unit.map(|unit| Some(unit).filter(|unit| !unit.is_empty()))
}

/// The empty text is the host's own name.
pub(super) fn hostname(value: &DeValue<'_>) -> Result<Option<String>, Expected> {
    let expected = "a host name, or \"\" for the host's own";
    let name = text(value, expected, |text| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        text.len() <= 253 && text.chars().all(plain)
    });
    name.map(|name| Some(name).filter(|name| !name.is_empty()))
}

/// The empty text is none.
pub(super) fn listener_or_none(value: &DeValue<'_>) -> Result<Option<SocketAddr>, Expected> {
    let expected = "an address with a port, such as \"127.0.0.1:8080\", or \"\" for none";
    let text = value.as_str().ok_or(expected)?;
    if text.is_empty() {
        return Ok(None);
    }
    let address = text.parse().ok();
    address.map(Some).ok_or(expected.into())
}

/// The empty text is none.
pub(super) fn path_or_none(value: &DeValue<'_>) -> Result<Option<PathBuf>, Expected> {
    match value.as_str() {
        Some("") => Ok(None),
        _ => path(value).map(Some),
    }
}

/// The empty text is none.
pub(super) fn client_or_none(value: &DeValue<'_>) -> Result<Option<ServerName<'static>>, Expected> {
    let expected = "a name as certificates have them, such as \"admin.example.org\", or \"\"";
    let text = value.as_str().ok_or(expected)?;
    if text.is_empty() {
        return Ok(None);
    }
    let name = ServerName::try_from(text.to_owned());
    name.map(Some).map_err(|_| expected.into())
}

/// Over TCP it is not known who asks: nobody from outside.
pub(super) fn place(value: &DeValue<'_>) -> Result<Place, Expected> {
    let expected = "an address of this host for itself with a port, such as \"127.0.0.1:15001\", \
                    or the path of a Unix socket";
    let address = value.as_str().and_then(|text| text.parse().ok());
    let local = address.filter(|address: &SocketAddr| address.ip().is_loopback());
    let socket = || path(value).ok().map(Place::Socket);
    let place = local.map(Place::Local).or_else(socket);
    place.ok_or(expected.into())
}

/// The empty text is none.
pub(super) fn group(value: &DeValue<'_>) -> Result<Option<String>, Expected> {
    let expected = "the name of a group, or \"\" for none";
    let name = text(value, expected, |text| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        text.len() <= 255 && !text.starts_with('-') && text.chars().all(plain)
    });
    name.map(|name| Some(name).filter(|name| !name.is_empty()))
}

pub(super) fn log_level(value: &DeValue<'_>) -> Result<LogLevel, Expected> {
    use LogLevel::{Debug, Error, Info, Trace, Warn};
    word(
        value,
        &[Error, Warn, Info, Debug, Trace].map(|level| (level.as_str(), level)),
    )
}

pub(super) fn cni_plugin(value: &DeValue<'_>) -> Result<CniPlugin, Expected> {
    let words = [
        ("auto", CniPlugin::Auto),
        ("sriov", CniPlugin::Sriov),
        ("sriovd-cni", CniPlugin::Ours),
    ];
    word(value, &words)
}

pub(super) fn when_installed(value: &DeValue<'_>) -> Result<WhenInstalled, Expected> {
    let words = [
        ("auto", WhenInstalled::Auto),
        ("always", WhenInstalled::Always),
        ("never", WhenInstalled::Never),
    ];
    word(value, &words)
}
