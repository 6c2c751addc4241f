//! What is wrong with a value or a key, and at which key.

use crate::policy::diagnostic::Severity;
use std::fmt::{self, Write};

/// One step from a table or list to what is in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PathStep {
    /// The value of a key.
    Key(String),
    /// An entry of a list, counted from 0.
    Index(usize),
}

impl From<&str> for PathStep {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<usize> for PathStep {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// The way from the outermost table to a value. `Display` is its JSON pointer (RFC 6901).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct KeyPath(pub Vec<PathStep>);

impl KeyPath {
    /// The path to something below this one.
    #[must_use]
    pub fn then(&self, step: impl Into<PathStep>) -> Self {
        let mut steps = self.0.clone();
        steps.push(step.into());
        Self(steps)
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|step| match step {
            PathStep::Key(key) => {
                f.write_char('/')?;
                f.write_str(&key.replace('~', "~0").replace('/', "~1"))
            }
            PathStep::Index(index) => write!(f, "/{index}"),
        })
    }
}

/// Which part of an entry a fault is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum EntryPart {
    /// The name of the key.
    Name,
    /// Its value.
    #[default]
    Value,
}

/// Something wrong, in words that do not depend on what it is written in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Warnings do not keep a policy from being used.
    pub severity: Severity,
    /// Where. What is missing is told at the table that lacks it.
    pub path: KeyPath,
    /// Which part of it.
    pub part: EntryPart,
    /// What is wrong, with the value that was given.
    pub message: String,
    /// Another place, which completes the message: `is already` … `on line 3`.
    pub other: Option<KeyPath>,
    /// Completes "expected …".
    pub expected: Option<String>,
    /// A phrase of its own, such as `did you mean "trust"?`.
    pub suggestion: Option<String>,
}

impl Fault {
    /// An error at the table or value that is read.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            path: KeyPath::default(),
            part: EntryPart::default(),
            message: message.into(),
            other: None,
            expected: None,
            suggestion: None,
        }
    }

    /// It is allowed, and most likely not meant.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// A step below what it was about.
    #[must_use]
    pub fn at(mut self, step: impl Into<PathStep>) -> Self {
        self.path.0.push(step.into());
        self
    }

    /// The same, seen from the table that `path` begins at.
    #[must_use]
    pub fn below(mut self, path: &KeyPath) -> Self {
        for own in std::iter::once(&mut self.path).chain(&mut self.other) {
            own.0.splice(0..0, path.0.iter().cloned());
        }
        self
    }

    /// The same about the key, not its value.
    #[must_use]
    pub fn about_name(mut self) -> Self {
        self.part = EntryPart::Name;
        self
    }

    /// The same, where another key would put it right.
    #[must_use]
    pub fn completed_by(mut self, other: KeyPath) -> Self {
        self.other = Some(other);
        self
    }

    /// The same, with what was expected there.
    #[must_use]
    pub fn expecting(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// The same, with the nearest valid word.
    #[must_use]
    pub fn suggesting(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(suggestion.into());
        self
    }

    /// Whether it keeps what it is in from being used.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// One sentence without its place: with a suggestion, or else with what was expected.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(other) = &self.other {
            write!(f, " at {other}")?;
        }
        match (&self.suggestion, &self.expected) {
            (Some(suggestion), _) => write!(f, "; {suggestion}"),
            (None, Some(expected)) => write!(f, "; expected {expected}"),
            (None, None) => Ok(()),
        }
    }
}

impl From<&str> for Fault {
    fn from(message: &str) -> Self {
        Self::new(message)
    }
}

impl From<String> for Fault {
    fn from(message: String) -> Self {
        Self::new(message)
    }
}

/// Reads what is a step below; the paths of its faults begin with that step.
pub fn within<T>(
    step: impl Into<PathStep>,
    faults: &mut Vec<Fault>,
    read: impl FnOnce(&mut Vec<Fault>) -> T,
) -> T {
    let mut inner = Vec::new();
    let result = read(&mut inner);
    let path = KeyPath(vec![step.into()]);
    faults.extend(inner.into_iter().map(|fault| fault.below(&path)));
    result
}

/// Keys of the Kubernetes operator for SR-IOV that are called something else here.
const OPERATOR_KEYS: [(&str, &str); 3] = [
    ("nicSelector", "match"),
    ("rootDevices", "pci_address"),
    ("networkNamespace", "namespace"),
];

/// The candidate that was probably meant.
pub fn nearest<'c>(word: &str, candidates: &[&'c str]) -> Option<&'c str> {
    let renamed = OPERATOR_KEYS.iter().find(|(theirs, _)| *theirs == word);
    if let Some((_, ours)) = renamed.filter(|(_, ours)| candidates.contains(ours)) {
        return Some(ours);
    }
    let plain = |text: &str| text.to_lowercase().replace(['_', '-', '.'], "");
    let wanted = plain(&word.chars().take(64).collect::<String>());
    let tolerance = (wanted.chars().count() / 3).max(1);
    let distance = |candidate: &str| {
        let candidate = plain(candidate);
        let shorter = wanted.len().min(candidate.len());
        let extends = candidate.starts_with(&wanted) || wanted.starts_with(&candidate);
        match shorter >= 3 && extends {
            true => 1,
            false => strsim::damerau_levenshtein(&wanted, &candidate),
        }
    };
    candidates
        .iter()
        .map(|candidate| (distance(candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= tolerance && *distance < candidate.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
