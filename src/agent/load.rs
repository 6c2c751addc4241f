//! From directories to the policies in force. A file that cannot be used is not a file that was
//! removed: what it said last holds on.

mod assembly;
mod directory;
pub mod last_good;
mod order;
mod policies;
pub mod read;
mod sources;

use assembly::Assembly;
pub use last_good::LastGoodError;
use read::Tree;
pub use read::Trust;
use sriovd_core::policy::diagnostic::Diagnostic;
pub use sriovd_core::policy::loaded::{
    DIRECTORIES, FileState, LastGood, Loaded, LoadedFile, POSTED, SOURCES, WEAKEST,
};
use sriovd_host::file::apart::Apart;
use std::path::{Path, PathBuf};

/// Reads the policies of `dirs` (absolute paths, the strongest first) under `root`.
/// Paths in the result begin with `root`.
pub fn load<D: AsRef<Path>>(root: &Path, dirs: &[D], trust: Trust, last_good: &LastGood) -> Loaded {
    load_apart(&Apart::default(), root, dirs, trust, last_good)
}

/// As `load`, and waits no longer than this does for a directory whose file system does not answer: it cannot be read.
pub fn load_apart<D: AsRef<Path>>(
    apart: &Apart,
    root: &Path,
    dirs: &[D],
    trust: Trust,
    last_good: &LastGood,
) -> Loaded {
    let mut assembly = Assembly::new(apart.clone(), trust, last_good);
    match Tree::under(root) {
        Ok(tree) => {
            let dirs: Vec<PathBuf> = dirs.iter().map(|dir| tree.path(dir.as_ref())).collect();
            order::add_directories(&mut assembly, &tree, &dirs);
        }
        Err(error) => {
            assembly.note_unread();
            let message = format!("the root directory cannot be opened: {error}");
            order::keep_all(&mut assembly, Diagnostic::error(root, message));
        }
    }
    assembly.finish()
}

/// Policy files, and files in policy directories, taken together, to see what is wrong with them.
pub fn examine(paths: &[PathBuf]) -> Loaded {
    let nothing = LastGood::default();
    let mut assembly = Assembly::new(Apart::default(), Trust::WarnOnly, &nothing);
    let (dirs, files): (Vec<_>, Vec<_>) = paths.iter().cloned().partition(|path| path.is_dir());
    order::add_directories(&mut assembly, &Tree::host(), &dirs);
    for file in files {
        order::add_named_file(&mut assembly, file);
    }
    assembly.finish()
}

#[cfg(test)]
mod tests;
