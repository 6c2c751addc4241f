//! Where a policy or a network was written, and by whom.

use crate::policy::Source;
use crate::policy::load::POSTED;
use schemars::JsonSchema;
use serde::Serialize;
use std::fmt;
use std::path::Path;

#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub(super) struct Place {
    file: String,
    line: usize,
    /// A program asked for it through vf-operator's API.
    posted: bool,
}

pub(super) fn is_posted(file: &Path) -> bool {
    file.parent().and_then(Path::file_name) == Some(POSTED.as_ref())
}

impl From<&Source> for Place {
    fn from(source: &Source) -> Self {
        Self {
            file: source.file.display().to_string(),
            line: source.line,
            posted: is_posted(&source.file),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, line) = (&self.file, self.line);
        write!(f, "{file}:{line}")?;
        match self.posted {
            true => f.write_str(", posted through vf-operator's API"),
            false => Ok(()),
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
            assert_eq!(Place::from(&Source { file, line }).to_string(), shown);
        }
    }
}
