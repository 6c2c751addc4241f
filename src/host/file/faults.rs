//! Accesses to files of our own that fail in tests: below the root of the test alone.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a test may fail, and is read where it stands"
)]

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

type Strike = Arc<dyn Fn(&Path) -> io::Result<()> + Send + Sync>;

static STRIKES: Mutex<Vec<(PathBuf, Strike)>> = Mutex::new(Vec::new());

/// Asked before each access below this root, as long as the test runs.
pub fn below(root: &Path, strike: impl Fn(&Path) -> io::Result<()> + Send + Sync + 'static) {
    let mut strikes = STRIKES.lock().unwrap_or_else(PoisonError::into_inner);
    strikes.push((root.to_owned(), Arc::new(strike)));
}

pub(super) fn strike(path: &Path) -> io::Result<()> {
    let strikes = STRIKES.lock().unwrap_or_else(PoisonError::into_inner);
    let concerned = strikes.iter().rfind(|(root, _)| path.starts_with(root));
    let strike = concerned.map(|(_, strike)| Arc::clone(strike));
    drop(strikes);
    strike.map_or(Ok(()), |strike| strike(path))
}
