//! What the service manager is told. Nothing happens where none listens (`NOTIFY_SOCKET`).

use sd_notify::NotifyState;
use std::io;
use std::time::Duration;

/// `ready` follows within this time, however long the unit gives. Never shortens what it gives.
pub(super) fn starting(takes: Duration) -> io::Result<()> {
    // The crate's own word for it ends at 71 minutes.
    let extend = format!("EXTEND_TIMEOUT_USEC={}", takes.as_micros());
    sd_notify::notify(&[NotifyState::Custom(&extend)])
}

/// The first pass is done, or a reload is.
pub(super) fn ready(status: &str) -> io::Result<()> {
    sd_notify::notify(&[NotifyState::Ready, NotifyState::Status(&line(status))])
}

pub(super) fn status(status: &str) -> io::Result<()> {
    sd_notify::notify(&[NotifyState::Status(&line(status))])
}

/// `ready` must follow. The time belongs into the same datagram, else `systemctl reload` hangs.
pub(super) fn reloading() -> io::Result<()> {
    sd_notify::notify(&[NotifyState::Reloading, NotifyState::monotonic_usec_now()?])
}

pub(super) fn stopping() -> io::Result<()> {
    sd_notify::notify(&[NotifyState::Stopping])
}

/// How often to say `alive`: twice as often as the unit's `WatchdogSec=`; `None` without one.
pub(super) fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|timeout| timeout / 2)
}

pub(super) fn alive() -> io::Result<()> {
    sd_notify::notify(&[NotifyState::Watchdog])
}

/// A service manager that cannot be told anything will draw its own conclusions.
pub(super) fn told(result: io::Result<()>) {
    drop(result);
}

/// A line break would begin another variable.
fn line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests;
