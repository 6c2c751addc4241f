//! What has become of a policy file.

use super::diagnostic::as_shown;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

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
