//! Which files count, and what happens when one cannot be used.

mod faults;
mod last_good;
mod precedence;
mod sources;

use super::{DIRECTORIES, FileState, LastGood, Loaded, Trust, load};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A root with policy directories, and what the last load remembered.
struct Host {
    root: TempDir,
    last_good: LastGood,
}

impl Host {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for dir in DIRECTORIES {
            let dir = root.path().join(&dir[1..]);
            fs::create_dir_all(&dir).unwrap();
            set_mode(&dir, 0o755);
        }
        Self {
            root,
            last_good: LastGood::default(),
        }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(path);
        write(&path, content);
        path
    }

    fn load_with(&mut self, trust: Trust) -> Loaded {
        let loaded = load(self.root.path(), &DIRECTORIES, trust, &self.last_good);
        self.last_good = loaded.last_good.clone();
        loaded
    }

    fn load(&mut self) -> Loaded {
        self.load_with(Trust::Enforce)
    }

    fn plain(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.root.path().display()), "/")
    }

    fn messages(&self, loaded: &Loaded) -> Vec<String> {
        let diagnostics = loaded.diagnostics.iter();
        diagnostics.map(|d| self.plain(&d.one_line())).collect()
    }

    fn states(&self, loaded: &Loaded) -> Vec<(String, FileState)> {
        let files = loaded.files.iter();
        files
            .map(|file| {
                (
                    self.plain(&file.path.display().to_string()),
                    file.state.clone(),
                )
            })
            .collect()
    }
}

/// Trusted, whatever the umask.
fn write(path: &Path, content: impl AsRef<[u8]>) {
    fs::write(path, content).unwrap();
    set_mode(path, 0o644);
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn policy(name: &str) -> String {
    format!("[[policy]]\nname = \"{name}\"\nnum_vfs = 1\nmatch.pf_name = \"*\"\n")
}

fn network(name: &str, resource: &str) -> String {
    format!("[[network]]\nname = \"{name}\"\nresource = \"{resource}\"\n")
}

/// The names of the policies in force, in their order.
fn names(loaded: &Loaded) -> Vec<&str> {
    let policies = loaded.set.policies.iter();
    policies.map(|policy| policy.name.as_str()).collect()
}
