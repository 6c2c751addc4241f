//! Where a policy or a network was written, and by whom.

use schemars::JsonSchema;
use serde::Serialize;
use sriovd_agent::load::POSTED;
use sriovd_core::model::SourceName;
use sriovd_core::policy::Origin;
use std::fmt;
use std::path::Path;

#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(untagged)]
pub(super) enum Place {
    File {
        file: String,
        line: usize,
        /// A program asked for it through vf-operator's API.
        posted: bool,
    },
    /// A program put it over the API.
    Source {
        source: SourceName,
        /// The words by which that program's users know it.
        origin: Option<String>,
    },
}

pub(super) fn is_posted(file: &Path) -> bool {
    file.parent().and_then(Path::file_name) == Some(POSTED.as_ref())
}

impl From<&Origin> for Place {
    fn from(origin: &Origin) -> Self {
        match origin {
            Origin::File { file, line } => Self::File {
                file: file.display().to_string(),
                line: *line,
                posted: is_posted(file),
            },
            Origin::Source { source, origin } => Self::Source {
                source: source.clone(),
                origin: origin.clone(),
            },
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File {
                file,
                line,
                posted: true,
            } => write!(f, "{file}:{line}, posted through vf-operator's API"),
            Self::File { file, line, .. } => write!(f, "{file}:{line}"),
            Self::Source { source, origin } => {
                let (source, origin) = (source.clone(), origin.clone());
                Origin::Source { source, origin }.fmt(f)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_posted_says_so() {
        for (file, shown) in [
            ("/etc/sriov.d/10-a.toml", "/etc/sriov.d/10-a.toml:7"),
            (
                "/var/lib/sriovd/vf-operator.d/resource.0000000001.a.toml",
                "/var/lib/sriovd/vf-operator.d/resource.0000000001.a.toml:7, posted through vf-operator's API",
            ),
        ] {
            let (file, line) = (file.into(), 7);
            assert_eq!(Place::from(&Origin::File { file, line }).to_string(), shown);
        }
    }
}
