//! What has become of the policy files: the policies in force, and of each file whether it is.

use super::PolicySet;
use super::diagnostic::{Diagnostic, as_shown};
use super::source::SourceReport;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// The name of the directory in which an earlier version kept what is now the source `WEAKEST`, as policy files.
pub const POSTED: &str = "vf-operator.d";

/// The name of the directory of what programs put over the API, one file for each. At equal priority
/// whatever stands in a policy file is stronger.
pub const SOURCES: &str = "sources.d";

/// The source of what programs asked for through the API of vf-operator: at equal priority all others are stronger,
/// and its names give way to theirs.
pub const WEAKEST: &str = "vf-operator";

/// Where policies are looked for, the strongest first.
pub const DIRECTORIES: [&str; 3] = ["/etc/sriov.d", "/run/sriov.d", "/usr/lib/sriov.d"];

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

/// What has become of a policy file.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum FileState {
    /// Its content is in force.
    Used,
    /// Empty, or a link to `/dev/null`.
    Masked,
    /// A stronger directory has a file of the same name.
    Overridden {
        /// That file.
        #[serde(serialize_with = "as_shown")]
        by: PathBuf,
    },
    /// Something is wrong with its content, or it or its directory cannot be read.
    Broken {
        /// What it said when it was last in order is in force.
        kept_last_good: bool,
    },
    /// Somebody other than root could have written it.
    Refused {
        /// What it said when it was last in order is in force.
        kept_last_good: bool,
    },
    /// A source: some of its items are not in order, and the others are in force.
    PartlyBroken {
        /// How many items are not in order.
        broken: usize,
        /// How many items there are.
        of: usize,
        /// Of how many the last good content is in force.
        kept: usize,
    },
}

impl FileState {
    /// Its present content is not in force.
    pub fn is_broken(&self) -> bool {
        matches!(
            self,
            Self::Broken { .. } | Self::Refused { .. } | Self::PartlyBroken { .. }
        )
    }
}

impl fmt::Display for FileState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = |kept_last_good: &bool| match kept_last_good {
            true => ", its last good content is in force",
            false => ", it has no effect",
        };
        match self {
            Self::Used => f.write_str("used"),
            Self::Masked => f.write_str("masked"),
            Self::Overridden { by } => write!(f, "overridden by {}", by.display()),
            Self::Broken { kept_last_good } => write!(f, "broken{}", kept(kept_last_good)),
            Self::Refused { kept_last_good } => write!(f, "refused{}", kept(kept_last_good)),
            Self::PartlyBroken { broken, of, kept } => {
                write!(f, "{broken} of {of} items broken")?;
                match kept {
                    0 => Ok(()),
                    kept => write!(f, ", the last good content of {kept} is in force"),
                }
            }
        }
    }
}

/// The text of every file in force, by its path.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LastGood {
    /// By path, below the root if there is one.
    pub texts: BTreeMap<PathBuf, String>,
}
