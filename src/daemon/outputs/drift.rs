//! Outputs that others changed or removed: found by event, and put back; less and less often where
//! somebody keeps doing it.

use super::super::contest::{Contests, Evidence};
use super::super::coordinator::Coordinator;
use super::super::ledger::StateLedger;
use super::super::{Message, ledger};
use super::{Digests, Published, digest};
use crate::file;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;
use tokio::task::spawn_blocking;

/// What may have drifted, and what keeps doing so.
#[derive(Debug, Default)]
pub(in crate::daemon) struct Drift {
    /// Files of ours to which something happened: it may have been our own doing.
    suspects: BTreeSet<PathBuf>,
    is_looking: bool,
    contests: Contests<PathBuf>,
    /// When what is contested is looked at again.
    pub(in crate::daemon) retry_at: Option<Instant>,
}

impl Drift {
    pub(super) fn is_idle(&self) -> bool {
        !self.is_looking
    }

    /// Files that a publication that begins now leaves as they are.
    pub(super) fn held(&self) -> BTreeSet<PathBuf> {
        self.contests.held(Instant::now())
    }

    pub(in crate::daemon) fn contested(&self) -> BTreeSet<PathBuf> {
        self.contests.contested().cloned().collect()
    }

    pub(in crate::daemon) fn note(&mut self, published: &Published) {
        let now = Instant::now();
        self.contests.note(&Evidence {
            performed: &published.repaired,
            repairs: &published.repaired,
            undone: &BTreeSet::new(),
            begun: published.begun,
            ended: now,
        });
        self.retry_at = self.contests.next_time(now);
    }
}

impl Coordinator {
    /// Something happened to an entry of this name where outputs are.
    pub(in crate::daemon) fn suspect(&mut self, name: &OsStr) {
        let publisher = &mut self.publisher;
        let ours = publisher.last.iter().flat_map(Digests::keys);
        let ours = ours.filter(|path| path.file_name() == Some(name)).cloned();
        let mark = name.to_str().and_then(|name| name.parse().ok());
        let mut suspects: BTreeSet<_> = ours.chain(mark.map(ledger::mark_of)).collect();
        let held = publisher.drift.held();
        suspects.retain(|path| !held.contains(path));
        publisher.drift.suspects.extend(suspects);
        self.look_at_suspects();
    }

    /// Not while they are being written: what was written is told after that.
    pub(in crate::daemon) fn look_at_suspects(&mut self) {
        let publisher = &mut self.publisher;
        let drift = &mut publisher.drift;
        if drift.is_looking || publisher.running || drift.suspects.is_empty() {
            return;
        }
        let suspects = std::mem::take(&mut drift.suspects);
        // Without it the next publication compares everything.
        let Some(last) = &publisher.last else {
            return;
        };
        drift.is_looking = true;
        let last: Digests = last.clone();
        let (root, ledger) = (self.shared.root.clone(), self.shared.ledger.clone());
        let messages = self.messages.clone();
        spawn_blocking(move || {
            let suspects = suspects.into_iter();
            let drifted = suspects.filter(|path| has_drifted(path, &root, &last, &ledger));
            drop(messages.blocking_send(Message::Looked(drifted.collect())));
        });
    }

    pub(in crate::daemon) fn on_looked(&mut self, drifted: &BTreeSet<PathBuf>) {
        self.publisher.drift.is_looking = false;
        if !drifted.is_empty() {
            self.publisher.mark_all();
            self.publish();
        }
        self.look_at_suspects();
    }
}

/// What cannot be read is for the publication to say.
fn has_drifted(path: &Path, root: &Path, last: &Digests, ledger: &StateLedger) -> bool {
    match last.get(path) {
        Some(&wanted) => {
            !fs::read_to_string(file::under(root, path)).is_ok_and(|text| digest(&text) == wanted)
        }
        None => ledger.is_mark_off(path),
    }
}
