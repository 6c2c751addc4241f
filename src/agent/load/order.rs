//! Files in the order in which they count, each read once.

use super::assembly::{Assembly, Rank};
use super::directory::{
    Closed, Entries, WEAKEST_FILE, is_policy_file, is_source, is_source_file, list,
};
use super::read::{Content, Tree, Trust, read};
use super::{FileState, policies, sources};
use sriovd_core::policy::diagnostic::Diagnostic;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Of files with the same name, that in the first directory counts. What the administrator wrote
/// comes first, so that the names of all others give way.
pub(super) fn add_directories(assembly: &mut Assembly<'_>, tree: &Tree, dirs: &[PathBuf]) {
    let of = |rank: Rank| {
        let dirs = dirs.iter().filter(|dir| Rank::of_directory(dir) == rank);
        dirs.cloned().collect::<Vec<_>>()
    };
    add_all_of(assembly, tree, &of(Rank::Written), is_policy_file);
    add_all_of(assembly, tree, &of(Rank::Source), is_source_file);
    let told = assembly.loaded.diagnostics.len();
    add_all_of(assembly, tree, &of(Rank::Posted), is_policy_file);
    // Nobody else can write where the agent keeps what it must remember.
    if assembly.trust == Trust::WarnOnly {
        let warnings = assembly.loaded.diagnostics.split_off(told);
        let errors = warnings.into_iter().filter(Diagnostic::is_error);
        assembly.loaded.diagnostics.extend(errors);
    }
}

fn add_all_of(
    assembly: &mut Assembly<'_>,
    tree: &Tree,
    dirs: &[PathBuf],
    is_wanted: fn(&OsStr) -> bool,
) {
    let mut paths: BTreeMap<OsString, Vec<PathBuf>> = BTreeMap::new();
    let mut closed = BTreeSet::new();
    for dir in dirs {
        let names = match look_into(assembly, tree, dir, is_wanted) {
            Ok((listing, contents)) => {
                assembly.contents.extend(contents);
                let is_ours = Rank::of_directory(dir) == Rank::Source;
                let warning = listing.warning.filter(|_| !is_ours);
                assembly.loaded.diagnostics.extend(warning);
                listing.names
            }
            Err(why) => {
                let (Closed::Unread(diagnostic) | Closed::Distrusted(diagnostic)) = &why;
                assembly.loaded.diagnostics.push((**diagnostic).clone());
                assembly.loaded.is_incomplete |= matches!(why, Closed::Unread(_));
                closed.insert(dir.clone());
                names_known_in(assembly, dir)
            }
        };
        for name in names {
            let path = dir.join(&name);
            paths.entry(name).or_default().push(path);
        }
    }
    let weakest = paths.remove(OsStr::new(WEAKEST_FILE));
    for paths in paths.into_values().chain(weakest) {
        let mut paths = paths.into_iter();
        let Some(first) = paths.next() else { continue };
        if first.parent().is_some_and(|dir| closed.contains(dir)) {
            let kept_last_good = keep(assembly, &first);
            assembly.record(first.clone(), FileState::Broken { kept_last_good });
        } else {
            add_file(assembly, tree, first.clone());
        }
        for path in paths {
            let by = first.clone();
            assembly.record(path, FileState::Overridden { by });
        }
    }
}

/// All at once: a file system that stops answering in between holds nobody up.
fn look_into(
    assembly: &Assembly<'_>,
    tree: &Tree,
    dir: &Path,
    is_wanted: fn(&OsStr) -> bool,
) -> Result<(Entries, BTreeMap<PathBuf, Content>), Closed> {
    // What the agent keeps is in one place.
    let place = match Rank::of_directory(dir) {
        Rank::Written => dir,
        Rank::Posted | Rank::Source => dir.parent().unwrap_or(dir),
    };
    let (tree, trust, directory) = (tree.clone(), assembly.trust, dir.to_owned());
    let look = move || {
        let listing = list(&tree, &directory, trust, is_wanted)?;
        let paths = listing.names.iter().map(|name| directory.join(name));
        let contents = paths.map(|path| (path.clone(), read(&tree, &path, trust)));
        let contents = contents.collect();
        Ok((listing, contents))
    };
    assembly
        .apart
        .run(place, look)
        .unwrap_or_else(|unanswered| {
            let message = format!("this directory cannot be read: {}", unanswered.source);
            Err(Closed::Unread(Box::new(Diagnostic::error(dir, message))))
        })
}

/// A file that somebody asked for by name.
pub(super) fn add_named_file(assembly: &mut Assembly<'_>, path: PathBuf) {
    match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let diagnostic = Diagnostic::error(&path, "there is no such file");
            assembly.loaded.diagnostics.push(diagnostic);
        }
        _ => add_file(assembly, &Tree::host(), path),
    }
}

fn add_file(assembly: &mut Assembly<'_>, tree: &Tree, path: PathBuf) {
    if is_source(&path) {
        return sources::add(assembly, tree, path);
    }
    let state = match assembly.content(tree, &path) {
        Content::Gone => return,
        Content::Masked => FileState::Masked,
        Content::Text { text, warnings } => {
            assembly.loaded.diagnostics.extend(warnings);
            policies::add(assembly, &path, text)
        }
        Content::Unread(diagnostic) => {
            assembly.note_unread();
            assembly.loaded.diagnostics.push(diagnostic);
            let kept_last_good = keep(assembly, &path);
            FileState::Broken { kept_last_good }
        }
        Content::Broken(diagnostic) => {
            assembly.loaded.diagnostics.push(diagnostic);
            let kept_last_good = keep(assembly, &path);
            FileState::Broken { kept_last_good }
        }
        Content::Refused(diagnostic) => {
            assembly.loaded.diagnostics.push(diagnostic);
            let kept_last_good = keep(assembly, &path);
            FileState::Refused { kept_last_good }
        }
    };
    assembly.record(path, state);
}

/// Nothing can be read at all.
pub(super) fn keep_all(assembly: &mut Assembly<'_>, diagnostic: Diagnostic) {
    assembly.loaded.diagnostics.push(diagnostic);
    for path in assembly.last_good.texts.keys() {
        let kept_last_good = keep(assembly, path);
        assembly.record(path.clone(), FileState::Broken { kept_last_good });
    }
}

/// Keeps what a file said last in force.
fn keep(assembly: &mut Assembly<'_>, path: &Path) -> bool {
    match is_source(path) {
        true => sources::keep(assembly, path),
        false => policies::keep(assembly, path),
    }
}

fn names_known_in(assembly: &Assembly<'_>, dir: &Path) -> BTreeSet<OsString> {
    let known = assembly.last_good.texts.keys();
    known
        .filter(|path| path.parent() == Some(dir))
        .filter_map(|path| path.file_name().map(OsString::from))
        .collect()
}
