//! Where a policy or a network comes from, as messages and outputs name it.

use super::places::WEAKEST;
use crate::model::SourceName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};

/// Where something that is wanted was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Origin {
    /// In a policy file.
    File {
        /// The path of the file.
        file: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// A program put it over the API.
    Source {
        /// Which one.
        source: SourceName,
        /// The words by which the program's users know it, such as
        /// `SriovNetworkNodePolicy sriov-system/policy-1`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        origin: Option<String>,
    },
}

impl Origin {
    /// What is read later is stronger at equal priority, and this is read later where it is greater.
    pub(super) fn standing(&self) -> (u8, Option<&SourceName>) {
        match self {
            Self::Source { source, .. } if source.as_str() == WEAKEST => (0, None),
            Self::Source { source, .. } => (1, Some(source)),
            Self::File { .. } => (2, None),
        }
    }

    /// Whether it is of this source.
    pub fn is_of(&self, name: &SourceName) -> bool {
        matches!(self, Self::Source { source, .. } if source == name)
    }

    /// The policy file, if it was written in one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File { file, .. } => Some(file),
            Self::Source { .. } => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, line } => write!(f, "{}:{line}", file.display()),
            Self::Source {
                source,
                origin: Some(origin),
            } => write!(f, "{origin} (source {source})"),
            Self::Source {
                source,
                origin: None,
            } => write!(f, "source {source}"),
        }
    }
}

#[cfg(test)]
mod tests;
