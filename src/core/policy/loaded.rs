//! What has become of the policy files: the policies in force, and of each file whether it is.

use super::PolicySet;
use super::diagnostic::{Diagnostic, as_shown};
pub use super::file_state::FileState;
pub use super::places::{DIRECTORIES, POSTED, SOURCES, WEAKEST};
use super::source::SourceReport;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What a reading of all policy files and sources came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Loaded {
    /// The policies and networks in force.
    pub set: PolicySet,
    /// In reading order; a file that is overridden comes after the one that overrides it.
    pub files: Vec<LoadedFile>,
    /// What has become of each source, whose file is also among the files.
    pub sources: Vec<SourceReport>,
    /// What is wrong with files, in reading order, and what may not mean what it says.
    pub diagnostics: Vec<Diagnostic>,
    /// Something could not be read, and no event tells when it can.
    pub is_incomplete: bool,
    /// What to give to the next `load`.
    pub last_good: LastGood,
}

impl Loaded {
    /// Whether something holds only as it was last in order, or not at all.
    pub fn has_broken(&self) -> bool {
        self.files.iter().any(|file| file.state.is_broken())
    }
}

/// A file in a policy directory, and whether it has an effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LoadedFile {
    /// Where it is, below the root directory if one was given.
    #[serde(serialize_with = "as_shown")]
    pub path: PathBuf,
    /// Whether its content is in force.
    #[serde(flatten)]
    pub state: FileState,
}

/// The text of every file in force, by its path.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LastGood {
    /// By path, below the root if there is one.
    pub texts: BTreeMap<PathBuf, String>,
}
