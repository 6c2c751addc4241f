//! Outputs that may not be as they were written: looked at by event, and written again.

use super::ledger::{StateLedger, mark_of};
use super::message::Message;
use super::outputs::publish;
use super::publisher::{Digests, digest};
use super::value::Daemon;
use sriovd_host::file;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use tokio::task::spawn_blocking;

/// Something happened to an entry of this name where outputs are.
pub(super) fn suspect(daemon: &mut Daemon, name: &OsStr) {
    let publisher = &mut daemon.publisher;
    let ours = publisher.last.iter().flat_map(Digests::keys);
    let ours = ours.filter(|path| path.file_name() == Some(name)).cloned();
    let mark = name.to_str().and_then(|name| name.parse().ok());
    let mut suspects: BTreeSet<_> = ours.chain(mark.map(mark_of)).collect();
    let held = publisher.drift.held();
    suspects.retain(|path| !held.contains(path));
    publisher.drift.suspects.extend(suspects);
    look_at_suspects(daemon);
}

/// Not while they are being written: what was written is told after that.
pub(super) fn look_at_suspects(daemon: &mut Daemon) {
    let publisher = &mut daemon.publisher;
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
    let (root, ledger) = (daemon.shared.root.clone(), daemon.shared.ledger.clone());
    let messages = daemon.messages.clone();
    spawn_blocking(move || {
        let suspects = suspects.into_iter();
        let drifted = suspects.filter(|path| has_drifted(path, &root, &last, &ledger));
        drop(messages.blocking_send(Message::Looked(drifted.collect())));
    });
}

pub(super) fn on_looked(daemon: &mut Daemon, drifted: &BTreeSet<PathBuf>) {
    daemon.publisher.drift.is_looking = false;
    if !drifted.is_empty() {
        daemon.publisher.mark_all();
        publish(daemon);
    }
    look_at_suspects(daemon);
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
