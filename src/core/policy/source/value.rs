//! Items of a source, and what may be wrong with them.

use crate::policy::diagnostic::{Diagnostic, Severity};
use crate::policy::{Network, Policy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;

/// What an item of a source is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum ItemKind {
    /// An entry of `policy`.
    Policy,
    /// An entry of `network`.
    Network,
}

/// Something that is wrong, or most likely not meant, at one place of a source.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct ItemFault {
    /// An error keeps the item from taking effect, a warning does not.
    pub severity: Severity,
    /// The place, as a JSON pointer (RFC 6901) into what was put.
    pub pointer: String,
    /// What is wrong.
    pub message: String,
    /// Completes "expected …".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// A phrase of its own, such as `did you mean "trust"?`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}

/// An item that is in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemContent {
    /// A policy.
    Policy(Box<Policy>),
    /// A network.
    Network(Box<Network>),
}

impl ItemFault {
    /// An error at a place.
    pub fn error(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            pointer: pointer.into(),
            message: message.into(),
            expected: None,
            suggestion: None,
        }
    }

    /// The same, with what was expected there.
    pub fn expecting(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// Whether it keeps the item from taking effect.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The same about the file that the source is kept in.
    pub fn diagnostic(&self, file: &Path, origin: Option<&str>) -> Diagnostic {
        let of = origin.map(|origin| format!(" ({origin})"));
        let message = format!("{}{}", self.message, of.unwrap_or_default());
        Diagnostic {
            pointer: Some(self.pointer.clone()),
            expected: self.expected.clone(),
            suggestion: self.suggestion.clone(),
            ..Diagnostic::new(self.severity, file, message)
        }
    }
}

/// `pointer: message`, with what was expected unless a suggestion says it shorter.
impl fmt::Display for ItemFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.pointer.as_str() {
            "" => "this source",
            pointer => pointer,
        };
        let diagnostic = Diagnostic {
            pointer: None,
            ..self.diagnostic(Path::new(place), None)
        };
        f.write_str(&diagnostic.one_line())
    }
}

impl ItemKind {
    pub(super) const ALL: [Self; 2] = [Self::Policy, Self::Network];

    /// The key of the list that its items are in.
    pub fn key(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Network => "network",
        }
    }
}

impl fmt::Display for ItemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.key())
    }
}
