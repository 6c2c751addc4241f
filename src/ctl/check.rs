//! All that is wrong with what the daemon reads.

use schemars::JsonSchema;
use serde::Serialize;
use sriovd_agent::load::{self, Trust};
use sriovd_agent::settings::{self, Settings};
use sriovd_core::model::HostSnapshot;
use sriovd_core::policy::advice;
use sriovd_core::policy::diagnostic::Diagnostic;
use sriovd_host::file::under;
use std::path::{Path, PathBuf};

#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Checked {
    pub(super) errors: usize,
    pub(super) warnings: usize,
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl Checked {
    /// The agent's settings, and the policies where they say that they are.
    pub(super) fn all(root: &Path, host: Option<&HostSnapshot>) -> Self {
        let (settings, mut diagnostics) = match Settings::load(root, Trust::WarnOnly) {
            Ok(loaded) => loaded,
            Err(unusable) => (Settings::default(), unusable.into_diagnostics()),
        };
        let dirs = settings.all_policy_dirs();
        let dirs = dirs.iter().map(|dir| under(root, dir));
        let dirs: Vec<_> = dirs.filter(|dir| dir.exists()).collect();
        diagnostics.extend(examined(&dirs, host));
        Self::new(diagnostics)
    }

    /// A file that is named like that of the agent's settings is taken for one.
    pub(super) fn paths(paths: &[PathBuf], host: Option<&HostSnapshot>) -> Self {
        let (settings, policies): (Vec<_>, Vec<_>) =
            paths.iter().cloned().partition(|path| is_settings(path));
        let settings = settings.iter().flat_map(|path| Settings::check(path));
        let settings = settings.collect::<Vec<_>>().into_iter();
        Self::new(settings.chain(examined(&policies, host)).collect())
    }

    pub(super) fn new(diagnostics: Vec<Diagnostic>) -> Self {
        let errors = diagnostics.iter().filter(|it| it.is_error()).count();
        Self {
            errors,
            warnings: diagnostics.len() - errors,
            diagnostics,
        }
    }
}

/// What is wrong, and then what is most likely not meant.
fn examined(paths: &[PathBuf], host: Option<&HostSnapshot>) -> Vec<Diagnostic> {
    let mut loaded = load::examine(paths);
    let advice = advice::advise(&loaded, host);
    loaded.diagnostics.extend(advice);
    loaded.diagnostics
}

fn is_settings(path: &Path) -> bool {
    path.is_file() && path.file_name() == Path::new(settings::FILE).file_name()
}
