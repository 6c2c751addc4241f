//! Accesses that fail in tests: the one with a given number, or all.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a test may fail, and is read where it stands"
)]

use sriovd_core::model::Errno;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Shared by the clones of a tree, and by what else a test lets fail.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<Plan>>);

#[derive(Debug, Default)]
struct Plan {
    accesses: Vec<PathBuf>,
    fails: Option<(usize, Errno)>,
    /// All that come after it fail, too.
    for_good: bool,
    struck: Option<PathBuf>,
}

impl Faults {
    /// The access with this number fails, once. They are counted from now on, from 0.
    pub fn fail(&self, number: usize, errno: Errno) {
        *self.0.lock().unwrap() = Plan {
            fails: Some((number, errno)),
            ..Plan::default()
        };
    }

    /// As `fail`, and every access after it.
    pub fn fail_from(&self, number: usize, errno: Errno) {
        self.fail(number, errno);
        self.0.lock().unwrap().for_good = true;
    }

    /// Nothing fails any more. What was struck, if anything was.
    pub fn end(&self) -> Option<PathBuf> {
        std::mem::take(&mut *self.0.lock().unwrap()).struck
    }

    /// What was accessed since the last `fail` or `end`, or since this was called.
    pub fn take_accesses(&self) -> Vec<PathBuf> {
        std::mem::take(&mut self.0.lock().unwrap().accesses)
    }

    pub fn strike(&self, path: &Path) -> io::Result<()> {
        let mut plan = self.0.lock().unwrap();
        let number = plan.accesses.len();
        plan.accesses.push(path.to_owned());
        match plan.fails {
            Some((fails, errno)) if fails == number || plan.for_good && fails < number => {
                plan.struck.get_or_insert_with(|| path.to_owned());
                Err(errno.into())
            }
            _ => Ok(()),
        }
    }
}
