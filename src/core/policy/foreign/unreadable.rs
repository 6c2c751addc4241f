//! What cannot be read at all.

/// Why something cannot be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {what}")]
pub struct Unreadable {
    /// The file that it is in.
    pub file: String,
    /// Where in it.
    pub line: usize,
    /// What it lacks.
    pub what: String,
}

impl Unreadable {
    pub(super) fn new(file: &str, line: usize, what: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line,
            what: what.into(),
        }
    }
}
