//! What is wrong in a file, where, and what was expected: for terminals, the journal and `--json`.
//!
//! No crate draws it. `--json`, the API and the journal need place, line and words as fields, without
//! the text of the file; what a crate could take over is `Display` alone, and those there are
//! (annotate-snippets, miette, ariadne) neither move long labels below nor show what acts on terminals.

mod excerpt;

pub use excerpt::{Excerpt, Place, SourceText};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;
use std::path::{Path, PathBuf};

/// A label longer than this stands in a note of its own instead of behind the carets.
const LABEL_LIMIT: usize = 72;
/// Where notes are broken into lines.
const NOTE_WIDTH: usize = 88;

/// Whether what it is about is used all the same.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It is not.
    Error,
    /// It is, and most likely not meant.
    Warning,
}

/// `Display` shows it as compilers do, with the line and carets; `one_line` is for logs.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Diagnostic {
    /// Whether the file is used all the same.
    pub severity: Severity,
    /// The file that it is about, or a directory.
    #[serde(serialize_with = "as_shown")]
    pub file: PathBuf,
    /// `None` where it is about the file as a whole.
    pub place: Option<Place>,
    /// In a file of JSON, the place as a JSON pointer (RFC 6901).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// The line of the place, or of a long line the part around it, with `…` where it was cut.
    pub line_text: Option<String>,
    /// The column of the first character of `line_text`.
    pub line_text_column: usize,
    /// What is wrong, with the value that was given.
    pub message: String,
    /// Completes "expected …".
    pub expected: Option<String>,
    /// A phrase of its own, such as `did you mean "trust"?`.
    pub suggestion: Option<String>,
}

/// JSON has no bytes: a path that is not UTF-8 is written as it is shown.
pub(super) fn as_shown<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

impl Diagnostic {
    /// About a file as a whole.
    pub fn new(severity: Severity, file: &Path, message: impl Into<String>) -> Self {
        Self {
            severity,
            file: file.to_owned(),
            place: None,
            pointer: None,
            line_text: None,
            line_text_column: 1,
            message: message.into(),
            expected: None,
            suggestion: None,
        }
    }

    /// An error about a file as a whole.
    pub fn error(file: &Path, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, file, message)
    }

    /// A warning about a file as a whole.
    pub fn warning(file: &Path, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, file, message)
    }

    /// The same at a place in the file.
    #[must_use]
    pub fn at(mut self, excerpt: &Excerpt) -> Self {
        self.place = Some(excerpt.place);
        self.line_text = Some(excerpt.text.clone());
        self.line_text_column = excerpt.text_column;
        self
    }

    /// The same with what was expected, without the word.
    #[must_use]
    pub fn expecting(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// The same with what to do, or what was probably meant.
    #[must_use]
    pub fn suggesting(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(suggestion.into());
        self
    }

    /// Whether it keeps what it is about from being used.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// `file:line:column: message`, with what was expected unless a suggestion says it shorter.
    pub fn one_line(&self) -> String {
        let mut line = self.location();
        line.push_str(": ");
        line.push_str(&printable(&self.message));
        match (&self.expected, &self.suggestion) {
            (_, Some(suggestion)) => {
                line.push_str("; ");
                line.push_str(&printable(suggestion));
            }
            (Some(expected), None) => {
                line.push_str("; expected ");
                line.push_str(&printable(expected));
            }
            (None, None) => {}
        }
        line
    }

    fn location(&self) -> String {
        let file = printable(&self.file.display().to_string());
        match (self.place, &self.pointer) {
            (Some(Place { line, column, .. }), _) => format!("{file}:{line}:{column}"),
            (None, Some(pointer)) if !pointer.is_empty() => {
                format!("{file}#{}", printable(pointer))
            }
            (None, _) => file,
        }
    }

    /// What stands behind the carets, and what stands below.
    fn label_and_note(&self) -> (String, Option<String>) {
        let expected = self.expected.as_ref().map(|e| format!("expected {e}"));
        let parts = [&expected, &self.suggestion];
        let words = parts.into_iter().flatten().map(|part| printable(part));
        let together = words.collect::<Vec<_>>().join("; ");
        let fits = |label: &str| self.line_text.is_some() && label.chars().count() <= LABEL_LIMIT;
        if together.is_empty() || fits(&together) {
            return (together, None);
        }
        // A long list of what could be there is noise beside what probably was meant.
        let shortest = self.suggestion.as_deref().map_or(together, printable);
        if fits(&shortest) {
            (shortest, None)
        } else {
            (String::new(), Some(shortest))
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let number = self.place.map_or(String::new(), |p| p.line.to_string());
        let gutter = " ".repeat(number.len().max(1));
        let (label, note) = self.label_and_note();

        writeln!(f, "{severity}: {}", printable(&self.message))?;
        write!(f, "{gutter} --> {}", self.location())?;
        if let (Some(place), Some(text)) = (self.place, &self.line_text) {
            let before = place.column.saturating_sub(self.line_text_column);
            let width = |chars: &mut dyn Iterator<Item = char>| -> usize {
                chars.map(|c| shown(c).chars().count()).sum()
            };
            let indent = " ".repeat(width(&mut text.chars().take(before)));
            let covered = width(&mut text.chars().skip(before).take(place.width));
            let carets = "^".repeat(covered.max(1));
            write!(f, "\n{gutter}  |\n {number} | {}", printable(text))?;
            let label = format!("{indent}{carets} {label}");
            write!(f, "\n{gutter}  | {}", label.trim_end())?;
            if note.is_some() {
                write!(f, "\n{gutter}  |")?;
            }
        }
        for (at, line) in note.iter().flat_map(|note| wrap(note)).enumerate() {
            let sign = if at == 0 { "=" } else { " " };
            write!(f, "\n{gutter}  {sign} {line}")?;
        }
        Ok(())
    }
}

/// Text from a file on its way to a terminal or the journal: on one line, nothing that acts.
fn printable(text: &str) -> String {
    text.chars().map(shown).collect()
}

fn shown(c: char) -> String {
    match c {
        '\t' => "    ".to_owned(),
        '\'' | '"' | '\\' => c.to_string(),
        _ => c.escape_debug().to_string(),
    }
}

fn wrap(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < NOTE_WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests;
