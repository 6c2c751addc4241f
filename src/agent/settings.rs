//! How the agent itself runs: `/etc/sriovd.toml`. Every key has a default.
#![warn(missing_docs)]
#![deny(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros
)]

mod check;
mod draft;
mod listen;
mod sections;
mod value;

use crate::load::read::{Content, Tree, Trust, read};
use crate::load::{POSTED, SOURCES};
pub use listen::{Listen, TlsSettings};
pub use sections::{
    ApiSettings, CniPlugin, Limits, LogLevel, NodeSettings, Outputs, Settings, WhenInstalled,
};
use serde_json::Value;
use sriovd_core::policy::diagnostic::Diagnostic;
use sriovd_core::policy::reader::{Document, Fault, schema_of};
pub use sriovd_wire::settings::{FILE, Place, VfOperator};
use std::path::{Path, PathBuf};

/// Settings, with warnings.
pub type Parsed = (Settings, Vec<Diagnostic>);

impl Settings {
    /// What was asked for through the API of vf-operator, as policy files.
    pub fn posted_dir(&self) -> PathBuf {
        self.state_dir.join(POSTED)
    }

    /// What programs put over the API, one file for each source.
    pub fn sources_dir(&self) -> PathBuf {
        self.state_dir.join(SOURCES)
    }

    /// Every directory whose files are in force, the strongest first.
    pub fn all_policy_dirs(&self) -> Vec<PathBuf> {
        let kept = [self.sources_dir(), self.posted_dir()];
        self.policy_dirs.iter().cloned().chain(kept).collect()
    }

    /// The path is for messages only. Errors and warnings are in the order of the text.
    pub fn parse(path: &Path, text: &str) -> Result<Parsed, Vec<Diagnostic>> {
        let document = Document::parse(path, text)?;
        let (draft, mut faults) = document.read();
        let settings = check::settings(&draft, &mut faults);
        let is_wrong = faults.iter().any(Fault::is_error);
        let found = document.diagnostics(faults);
        match is_wrong {
            true => Err(found),
            false => Ok((settings, found)),
        }
    }

    /// Reads the file under `root`; without one everything is at its default.
    pub fn load(root: &Path, trust: Trust) -> Result<Parsed, Unusable> {
        let tree = Tree::under(root).map_err(|error| {
            let message = format!("the root directory cannot be opened: {error}");
            Unusable::Unread(vec![Diagnostic::error(root, message)])
        })?;
        Self::read(&tree, &tree.path(Path::new(FILE)), trust)
    }

    /// What is wrong with one file of settings.
    pub fn check(path: &Path) -> Vec<Diagnostic> {
        let found = Self::read(&Tree::host(), path, Trust::WarnOnly);
        found.map_or_else(Unusable::into_diagnostics, |(_, warnings)| warnings)
    }

    fn read(tree: &Tree, path: &Path, trust: Trust) -> Result<Parsed, Unusable> {
        match read(tree, path, trust) {
            Content::Masked | Content::Gone => Ok((Self::default(), Vec::new())),
            Content::Unread(diagnostic) => Err(Unusable::Unread(vec![diagnostic])),
            Content::Broken(diagnostic) | Content::Refused(diagnostic) => {
                Err(Unusable::Wrong(vec![diagnostic]))
            }
            Content::Text { text, mut warnings } => {
                let (settings, more) = Self::parse(path, &text).map_err(Unusable::Wrong)?;
                warnings.extend(more);
                Ok((settings, warnings))
            }
        }
    }
}

/// Why the settings file says nothing that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unusable {
    /// It cannot be read: no event tells when it can.
    Unread(Vec<Diagnostic>),
    /// It has these mistakes until it is written anew.
    Wrong(Vec<Diagnostic>),
}

impl Unusable {
    /// What is wrong with the file, in the order of its text.
    pub fn into_diagnostics(self) -> Vec<Diagnostic> {
        match self {
            Self::Unread(diagnostics) | Self::Wrong(diagnostics) => diagnostics,
        }
    }
}

/// What `Settings::parse` takes, as JSON Schema.
pub fn schema() -> Value {
    schema_of::<draft::SettingsDraft>()
}

#[cfg(test)]
mod tests;
