//! Outputs that may not be as they were written: looked at by event, and written again.

use super::ledger::mark_of;
use super::message::Message;
use super::outputs::publish;
use super::publisher::{Digests, digest};
use super::shared::Shared;
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
    let shared = daemon.shared.clone();
    let messages = daemon.messages.clone();
    spawn_blocking(move || {
        let suspects = suspects.into_iter();
        let drifted = suspects.filter(|path| has_drifted(path, &last, &shared));
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
fn has_drifted(path: &Path, last: &Digests, shared: &Shared) -> bool {
    let Some(&wanted) = last.get(path) else {
        return shared.ledger.is_mark_off(path);
    };
    let place = file::under(&shared.root, path);
    let directory = place.parent().unwrap_or(&place).to_owned();
    let read = (shared.apart).run(&directory, move || fs::read_to_string(place));
    !read.is_ok_and(|read| read.is_ok_and(|text| digest(&text) == wanted))
}
