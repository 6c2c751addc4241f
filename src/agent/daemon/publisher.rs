//! How far the outputs are: what was last put on disk, whether more is to come, and when to try again.

use super::backoff::{Backoff, jitter};
use super::drift::Drift;
use crate::publish::PublishReport;
use sriovd_core::model::{NetworkName, PciAddress};
use sriovd_core::render::HeldBack;
use sriovd_host::file::FileError;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What was last put on disk, and whether more is to come.
#[derive(Debug, Default)]
pub(super) struct Publisher {
    pub(super) running: bool,
    pub(super) wanted: Wanted,
    /// Nobody knows which PFs there are.
    pub(super) waits: bool,
    pub(super) last: Option<Digests>,
    /// Where something of somebody else is.
    refused: BTreeSet<PathBuf>,
    backoff: Backoff,
    pub(super) retry_at: Option<Instant>,
    pub(super) drift: Drift,
    /// Somebody asked: what is contested is written, too.
    pub(super) is_asked_for: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wanted {
    #[default]
    Nothing,
    /// If what is rendered differs from the last time.
    Changes,
    /// Comparing with the disk: somebody may have changed a file of ours.
    Everything,
}

/// A publication that is over.
#[derive(Debug)]
pub(super) struct Published {
    pub(super) report: Option<PublishReport>,
    pub(super) held_back: Vec<HeldBack>,
    /// The VF that each network has.
    pub(super) given: BTreeMap<NetworkName, PciAddress>,
    /// What is remembered is not on disk.
    pub(super) unsaved: Option<FileError>,
    /// Files that were as they should be when they were written last, and were not any more.
    pub(super) repaired: BTreeSet<PathBuf>,
    pub(super) files: Digests,
    /// Some of what there is could not be seen.
    pub(super) is_partial: bool,
    pub(super) begun: Instant,
}

/// What was put on disk, as short as needed to tell whether it would be the same again.
pub(super) type Digests = BTreeMap<PathBuf, u64>;

pub(super) fn digest(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

pub(super) fn digests(files: &BTreeMap<PathBuf, String>) -> Digests {
    let files = files.iter();
    files
        .map(|(path, text)| (path.clone(), digest(text)))
        .collect()
}

impl Published {
    pub(super) fn has_changed(&self, file: &Path) -> bool {
        let changed = self
            .report
            .iter()
            .flat_map(|report| report.written.iter().chain(&report.removed));
        changed.into_iter().any(|path| path == file)
    }

    /// Where the file would be, and why it is not there.
    pub(super) fn held_back(&self) -> impl Iterator<Item = (PathBuf, String)> + '_ {
        self.held_back
            .iter()
            .map(|held| (held.path.clone(), held.reason.to_string()))
    }
}

impl Publisher {
    pub(super) fn mark_all(&mut self) {
        self.wanted = Wanted::Everything;
    }

    /// Somebody wants everything to be as it should be.
    pub(super) fn mark_all_by_wish(&mut self) {
        self.mark_all();
        self.is_asked_for = true;
    }

    /// Whether something of that name stands in the place of ours.
    pub(super) fn is_refused(&self, name: &OsStr) -> bool {
        self.refused
            .iter()
            .any(|path| path.file_name() == Some(name))
    }

    pub(super) fn ended(&mut self, published: Published) {
        if let Some(report) = &published.report {
            let refused = report.refused.iter();
            self.refused = refused.map(|(path, _)| path.clone()).collect();
        }
        let incomplete = |report: PublishReport| !report.failed.is_empty();
        let failed = published.unsaved.is_some() || published.report.is_some_and(incomplete);
        self.running = false;
        // What failed is tried again with the next change, or after a while: a disk that has room
        // again tells nobody.
        self.last = (!failed && !published.is_partial).then_some(published.files);
        if failed {
            self.retry_at = Some(Instant::now() + self.backoff.next(jitter()));
        } else {
            self.retry_at = None;
            self.backoff.reset();
        }
    }

    /// Whether nothing is known to be on disk.
    pub(super) fn is_first(&self) -> bool {
        self.last.is_none()
    }

    pub(super) fn is_idle(&self) -> bool {
        !self.running && self.wanted == Wanted::Nothing && self.drift.is_idle()
    }

    /// Unlike one that waits until something can be seen.
    pub(super) fn is_at_work(&self) -> bool {
        self.running || !self.drift.is_idle() || self.wanted != Wanted::Nothing && !self.waits
    }
}
