//! What the plugin says beside its answer: to the file that the configuration names, or to the runtime.

use super::keys::Keys;
use serde_json::{Map, Value};
use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Level {
    Panic,
    Error,
    Warning,
    #[default]
    Info,
    Debug,
}

impl Level {
    pub(super) const ALL: [(&str, Self); 5] = [
        ("panic", Self::Panic),
        ("error", Self::Error),
        ("warning", Self::Warning),
        ("info", Self::Info),
        ("debug", Self::Debug),
    ];
}

#[derive(Debug, Default)]
pub(super) struct Log {
    level: Level,
    file: Option<PathBuf>,
}

impl Log {
    pub(super) fn of(conf: &Map<String, Value>) -> Self {
        let text = |key: &str| Keys(conf).get(key).and_then(Value::as_str);
        let word = text("logLevel").unwrap_or_default();
        let level = Level::ALL.iter().find(|(name, _)| *name == word);
        Self {
            level: level.map_or_else(Level::default, |(_, level)| *level),
            file: text("logFile")
                .filter(|file| !file.is_empty())
                .map(PathBuf::from),
        }
    }

    /// What cannot be said goes unsaid: the answer is what counts.
    pub(super) fn write(&mut self, level: Level, what: &impl Display) {
        if level > self.level {
            return;
        }
        let line = format!("sriovd-cni: {what}\n");
        let written = self.file.as_ref().is_some_and(|path| {
            let mut options = OpenOptions::new();
            let file = options.create(true).append(true).mode(0o600).open(path);
            file.is_ok_and(|mut file| file.write_all(line.as_bytes()).is_ok())
        });
        if !written {
            drop(std::io::stderr().write_all(line.as_bytes()));
        }
    }
}
