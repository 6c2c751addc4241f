//! Keeps the files that others read in step with what was seen: one publication at a time.

mod drift;
mod kept;

use super::Message;
use super::backoff::{Backoff, jitter};
use super::coordinator::{Coordinator, Shared};
use super::slot::Slot;
use super::status::pf_report;
use crate::agent::{self, WhenInstalled};
use crate::attach::pools::NODE_STATE;
use crate::file::FileError;
use crate::model::{NetworkName, PciAddress};
use crate::plan::Memory;
use crate::publish::plugins::Plugins;
use crate::publish::{self, PublishReport, cni_directory};
use crate::render::{self, CniDirectory, HeldBack, OutputSettings, View};
use crate::report::Seen;
pub(super) use drift::Drift;
use kept::Kept;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use tokio::task::spawn_blocking;

/// What was last put on disk, and whether more is to come.
#[derive(Debug, Default)]
pub(super) struct Publisher {
    running: bool,
    wanted: Wanted,
    /// Nobody knows which PFs there are.
    waits: bool,
    last: Option<Digests>,
    /// Where something of somebody else is.
    refused: BTreeSet<PathBuf>,
    backoff: Backoff,
    pub(super) retry_at: Option<Instant>,
    pub(super) drift: Drift,
    /// Somebody asked: what is contested is written, too.
    is_asked_for: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wanted {
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
    files: Digests,
    /// Some of what there is could not be seen.
    is_partial: bool,
    begun: Instant,
}

/// What was put on disk, as short as needed to tell whether it would be the same again.
type Digests = BTreeMap<PathBuf, u64>;

fn digest(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

fn digests(files: &BTreeMap<PathBuf, String>) -> Digests {
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

impl Coordinator {
    pub(super) fn publish(&mut self) {
        self.publisher.wanted = self.publisher.wanted.max(Wanted::Changes);
        self.publish_if_wanted();
    }

    pub(super) fn publish_if_wanted(&mut self) {
        // Before every PF that is there was seen once, a file would leave out what it must have. One
        // that hangs may never be: the others' files do not wait for it.
        let seen_once =
            |slot: &Slot| slot.seen.is_some() || slot.running.is_none() || slot.is_hung();
        let all_seen = self.slots.values().all(seen_once) && self.loaded.is_some();
        let publisher = &mut self.publisher;
        publisher.waits = self.first_look.is_none() && self.listing.error.is_some();
        let may_begin = all_seen && !publisher.waits && !self.only_looks;
        if publisher.running || publisher.wanted == Wanted::Nothing || !may_begin {
            return;
        }
        let held = match std::mem::take(&mut publisher.is_asked_for) {
            true => BTreeSet::new(),
            false => publisher.drift.held(),
        };
        let compares = publisher.wanted == Wanted::Everything;
        publisher.wanted = Wanted::Nothing;
        publisher.running = true;
        let work = Publication {
            seen: self
                .slots
                .iter()
                .filter_map(|(&pf, slot)| Some((pf, slot.shown.clone()?)))
                .collect(),
            unseen: self
                .slots
                .iter()
                .filter_map(|(&pf, slot)| slot.seen.is_none().then_some(pf))
                .collect(),
            shared: self.shared.clone(),
            last: publisher.last.clone(),
            compares,
            held,
        };
        let messages = self.messages.clone();
        spawn_blocking(move || {
            drop(messages.blocking_send(Message::Published(Box::new(work.run()))));
        });
    }
}

struct Publication {
    seen: BTreeMap<PciAddress, Arc<Seen>>,
    unseen: BTreeSet<PciAddress>,
    shared: Shared,
    last: Option<Digests>,
    /// With the disk, whether or not something else is to be written.
    compares: bool,
    /// Where somebody else keeps changing a file: left as it is, unless it is to say something else.
    held: BTreeSet<PathBuf>,
}

impl Publication {
    fn run(self) -> Published {
        let begun = Instant::now();
        let shared = &self.shared;
        let memory = shared.store.memory();
        let mut kept = Kept::unseen(&self.unseen, &told_of(&memory));
        let (outputs, cni_directory) = &self.outputs(&mut kept);
        let (networks, not_now) = kept.without(&shared.policies.networks, &memory.assignments);
        let seen = self.seen.iter();
        let host = View {
            hostname: &shared.node.hostname,
            pfs: seen
                .map(|(&pf, seen)| (pf, (&seen.pf, &seen.resolution)))
                .collect(),
        };
        let reports = self
            .seen
            .iter()
            .map(|(&pf, seen)| (pf, pf_report(seen, &seen.problems)))
            .collect();
        let mut rendered = render::render(&render::Input {
            policies: &shared.policies.policies,
            networks: &networks,
            host: &host,
            previous: &memory.assignments,
            reports: &reports,
            cni_directory: *cni_directory,
            settings: outputs,
        });
        kept.hold(&shared.root, &mut rendered.files, outputs);
        let stays = kept.files(&memory.files, &rendered.files);
        let mut published = Published {
            report: None,
            held_back: rendered.held_back,
            given: rendered.given,
            unsaved: None,
            repaired: BTreeSet::new(),
            files: digests(&rendered.files),
            is_partial: kept.is_anything(),
            begun,
        };
        let mut owned = memory.files.clone();
        let last = self.last.as_ref();
        if published.is_partial || self.compares || last != Some(&published.files) {
            let is_as_before = |path: &&PathBuf| {
                last.is_some_and(|last| last.get(*path) == published.files.get(*path))
            };
            // What has no record may be of a PF that is not seen.
            let directories = match kept.unseen.is_empty() {
                true => outputs.directories(),
                false => Vec::new(),
            };
            let ours = &owned - &stays;
            let mut prepared = publish::prepare(&shared.root, rendered.files, &ours, directories);
            prepared.leave(self.held.iter().filter(is_as_before));
            let about_to_own = prepared.owned() | &stays;
            drop(shared.store.note(|memory| memory.files = about_to_own));
            let mut report = prepared.commit();
            report.failed.append(&mut kept.failed);
            owned = &report.owned | &stays;
            let repaired = report.written.iter().filter(is_as_before).cloned();
            published.repaired = repaired.collect();
            published.report = Some(report);
        }
        let marks = self.compares.then(|| shared.ledger.restore_marks());
        let unmarked = match marks.unwrap_or_else(|| Ok(BTreeSet::new())) {
            Ok(marks) => {
                published.repaired.extend(marks);
                None
            }
            Err(error) => Some(error),
        };
        let mut assignments = rendered.assignments;
        assignments.extend(not_now.into_iter().map(|(name, had)| (name.clone(), had)));
        // It saves all that is not on disk yet, whatever failed before.
        let saved = shared.store.update(|memory| {
            memory.assignments = assignments;
            memory.files = owned;
        });
        published.unsaved = saved.err().or(unmarked);
        published
    }

    /// Without those of which nobody knows now what belongs there.
    fn outputs(&self, kept: &mut Kept) -> (OutputSettings, CniDirectory) {
        let settings = &self.shared.settings.outputs;
        let root = &self.shared.root;
        let mut outputs = match Plugins::look(root) {
            Ok(plugins) => rendered_to(settings, plugins),
            Err(error) => {
                let any = Plugins {
                    cni: true,
                    netavark: true,
                };
                let mut outputs = rendered_to(settings, any);
                kept.because(&error.path.clone(), error);
                kept.switch_off(&mut outputs.cni_dir);
                kept.switch_off(&mut outputs.podman_dir);
                kept.switch_off(&mut outputs.manifests_dir);
                outputs
            }
        };
        let mut cni_directory = CniDirectory::default();
        if let Some(directory) = outputs.cni_dir.clone() {
            match cni_directory::look(root, &directory) {
                Ok(found) => cni_directory = found,
                Err(error) => {
                    kept.because(&directory, error);
                    kept.switch_off(&mut outputs.cni_dir);
                }
            }
        }
        (outputs, cni_directory)
    }
}

/// PFs that are described, or were.
fn told_of(memory: &Memory) -> BTreeSet<PciAddress> {
    let assigned = memory.assignments.values().map(|it| it.pf);
    memory.pfs.keys().copied().chain(assigned).collect()
}

fn rendered_to(settings: &agent::Outputs, plugins: Plugins) -> OutputSettings {
    let agent::Outputs {
        cni,
        device_plugin,
        node_state,
        manifests,
        cdi,
        ..
    } = settings;
    let podman = match settings.podman {
        WhenInstalled::Auto => plugins.netavark,
        WhenInstalled::Always => true,
        WhenInstalled::Never => false,
    };
    let own_cni_plugin = settings.cni_plugin.is_ours(plugins.cni);
    // They look nowhere else, and networks made by hand name them, too.
    let for_plugins = plugins.cni || plugins.netavark || own_cni_plugin || podman;
    let node_states = [
        node_state.then(|| settings.node_state_file.clone()),
        for_plugins.then(|| NODE_STATE.into()),
    ];
    OutputSettings {
        cni_dir: cni.then(|| settings.cni_dir.clone()),
        device_plugin_file: device_plugin.then(|| settings.device_plugin_file.clone()),
        node_state_files: node_states.into_iter().flatten().collect(),
        podman_dir: podman.then(|| settings.podman_dir.clone()),
        manifests_dir: manifests.then(|| settings.manifests_dir.clone()),
        cdi_dir: cdi.then(|| settings.cdi_dir.clone()),
        own_cni_plugin,
    }
}

#[cfg(test)]
mod tests;
