//! Where entries go: to the journal with their fields, or to stderr as plain sentences.

use super::super::outbox::Outbox;
use super::entry::Entry;
use super::message_id as id;
use crate::settings::LogLevel;
use anyhow::Context as _;
use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;
use tracing::dispatcher::with_default;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Dispatch, Event, Level, Subscriber, warn};
use tracing_journald::{Priority, PriorityMappings};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Entries on their way.
static ENTRIES: OnceLock<Outbox<Entry>> = OnceLock::new();

/// From here on entries are written, by another thread: a journal that stands still holds nobody up. Once per process.
pub fn start(level: LogLevel) -> anyhow::Result<()> {
    let level = filter(level);
    // Libraries repeat what is reported here, such as lost messages.
    let levels = Targets::new()
        .with_default(LevelFilter::ERROR.min(level))
        .with_target("sriovd", level);
    let writer = OnceLock::new();
    let of_writer = levels.clone();
    let entries = Outbox::new(move |entry: Entry, lost| {
        // On this thread: the journal is asked whether it is there.
        let writer = writer.get_or_init(|| self::writer(of_writer.clone()));
        if lost != 0 {
            with_default(writer, || entries_lost(lost));
        }
        entry.write_to(writer);
    });
    let is_new = ENTRIES.set(entries).is_ok();
    let subscriber = tracing_subscriber::registry().with(levels).with(Queued);
    let started = subscriber.try_init().map_err(anyhow::Error::from);
    started
        .and_then(|()| is_new.then_some(()).context("it was started before"))
        .context("the journal is already in use")
}

/// Waits for what is on its way, but not for a journal that stands still.
pub fn flush(patience: Duration) {
    if let Some(entries) = ENTRIES.get() {
        entries.flush(patience);
    }
}

/// The journal stood still for too long.
fn entries_lost(count: usize) {
    warn!(
        MESSAGE_ID = id::ENTRIES_LOST,
        "{count} entries were lost before this one: the journal took none for a while",
    );
}

struct Queued;

impl<S: Subscriber> Layer<S> for Queued {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if let Some(entries) = ENTRIES.get() {
            entries.put(Entry::of(event));
        }
    }
}

fn writer(levels: Targets) -> Dispatch {
    let journal = stderr_is_the_journal()
        .then(tracing_journald::layer)
        .and_then(Result::ok)
        .map(|layer| {
            layer
                .with_field_prefix(None)
                .with_syslog_identifier("sriovd".to_owned())
                .with_priority_mappings(PriorityMappings {
                    info: Priority::Informational,
                    debug: Priority::Debug,
                    ..PriorityMappings::new()
                })
        });
    let plain = journal.is_none().then(|| {
        tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .event_format(Sentence)
    });
    let subscriber = tracing_subscriber::registry()
        .with(levels)
        .with(journal)
        .with(plain);
    Dispatch::new(subscriber)
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

/// systemd names the stream by device and inode, because a child may have redirected its stderr.
fn stderr_is_the_journal() -> bool {
    let stream = std::env::var("JOURNAL_STREAM").unwrap_or_default();
    let Ok(stderr) = rustix::fs::fstat(std::io::stderr()) else {
        return false;
    };
    stream == format!("{}:{}", stderr.st_dev, stderr.st_ino)
}

/// The sentence alone, with the level where it matters. No time: whoever reads stderr adds it.
struct Sentence;

impl<S, N> FormatEvent<S, N> for Sentence
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        match *event.metadata().level() {
            Level::ERROR => writer.write_str("error: ")?,
            Level::WARN => writer.write_str("warning: ")?,
            Level::INFO => {}
            Level::DEBUG | Level::TRACE => writer.write_str("debug: ")?,
        }
        let mut message = Message(Ok(()), &mut writer);
        event.record(&mut message);
        message.0?;
        writeln!(writer)
    }
}

struct Message<'a, 'w>(fmt::Result, &'a mut Writer<'w>);

impl Visit for Message<'_, '_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = write!(self.1, "{value:?}");
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}
