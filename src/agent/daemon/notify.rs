//! What the service manager is told. Nothing happens where none listens (`NOTIFY_SOCKET`).

use super::journal;
use super::outbox::Outbox;
use sd_notify::NotifyState;
use std::io;
use std::sync::LazyLock;
use std::time::Duration;

/// A word that is ready to be sent. By another thread: a service manager that stands still holds nobody up.
struct Word {
    text: String,
    is_ready: bool,
    /// Says the same of another time, and only the last counts.
    is_momentary: bool,
}

/// Whoever waits for the agent finds what it did in the journal.
const JOURNAL_PATIENCE: Duration = Duration::from_millis(500);

static WORDS: LazyLock<Outbox<Word>> = LazyLock::new(|| {
    Outbox::new(|word: Word, _| {
        if word.is_ready {
            journal::flush(JOURNAL_PATIENCE);
        }
        // A service manager that cannot be told anything will draw its own conclusions.
        let _ = sd_notify::notify(&[NotifyState::Custom(&word.text)]);
    })
});

/// `ready` follows within this time, however long the unit gives. Never shortens what it gives.
pub(super) fn starting(takes: Duration) {
    // The crate's own word for it ends at 71 minutes.
    let extend = format!("EXTEND_TIMEOUT_USEC={}", takes.as_micros());
    tell(&[NotifyState::Custom(&extend)]);
}

/// The first pass is done, or a reload is.
pub(super) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(&line(status))]);
}

pub(super) fn status(status: &str) {
    tell(&[NotifyState::Status(&line(status))]);
}

/// `ready` must follow. The time belongs into the same datagram, else `systemctl reload` hangs.
pub(super) fn reloading() -> io::Result<()> {
    tell(&[NotifyState::Reloading, NotifyState::monotonic_usec_now()?]);
    Ok(())
}

pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// How often to say `alive`: twice as often as the unit's `WatchdogSec=`; `None` without one.
pub(super) fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|timeout| timeout / 2)
}

pub(super) fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// Waits for what is on its way, but not for a service manager that stands still.
pub fn flush(patience: Duration) {
    WORDS.flush(patience);
}

fn tell(states: &[NotifyState<'_>]) {
    let lines: Vec<_> = states.iter().map(ToString::to_string).collect();
    let word = Word {
        text: lines.join("\n"),
        is_ready: matches!(states, [NotifyState::Ready, ..]),
        is_momentary: matches!(states, [NotifyState::Status(_) | NotifyState::Watchdog]),
    };
    let key = |text: &str| text.split('=').next().map(str::to_owned);
    let (mine, is_momentary) = (key(&word.text), word.is_momentary);
    WORDS.replace(word, |waiting| {
        is_momentary && waiting.is_momentary && key(&waiting.text) == mine
    });
}

/// A line break would begin another variable.
fn line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests;
