//! Keeps the files that others read in step with what was seen: one publication at a time.

mod kept;

use super::message::Message;
use super::publisher::{Digests, Published, Wanted, digests};
use super::shared::Shared;
use super::slot::Slot;
use super::value::Daemon;
use crate::publish::cni_directory;
use crate::publish::parts::Parts;
use crate::publish::plugins::Plugins;
use crate::settings::{self, WhenInstalled};
use kept::Kept;
use sriovd_core::memory::Memory;
use sriovd_core::model::PciAddress;
use sriovd_core::model::pools::POOLS;
use sriovd_core::model::world::World;
use sriovd_core::policy::resolve::resolve_held;
use sriovd_core::render::{self, CniDirectory, OutputSettings};
use sriovd_core::report::KnownPf;
use sriovd_host::file::{self, FileError};
use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use tokio::task::spawn_blocking;

/// The first of the directories in which plugins are looked for; it stands for all of them.
const PLUGINS: &str = "/opt/cni/bin";

pub(super) fn publish(daemon: &mut Daemon) {
    daemon.publisher.wanted = daemon.publisher.wanted.max(Wanted::Changes);
    publish_if_wanted(daemon);
}

pub(super) fn publish_if_wanted(daemon: &mut Daemon) {
    // Before every PF that is there was seen once, a file would leave out what it must have. One
    // that hangs may never be: the others' files do not wait for it.
    let seen_once = |slot: &Slot| slot.seen.is_some() || slot.running.is_none() || slot.is_hung();
    let all_seen = daemon.slots.values().all(seen_once) && daemon.loaded.is_some();
    let publisher = &mut daemon.publisher;
    publisher.waits = daemon.first_look.is_none() && daemon.listing.error.is_some();
    let may_begin = all_seen && !publisher.waits && !daemon.only_looks;
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
    let known = daemon.slots.iter().map(|(&address, slot)| KnownPf {
        address,
        problems: match &slot.shown {
            Some(shown) => shown.problems.clone(),
            None => slot.told.clone(),
        },
        seen: slot.shown.clone(),
        allocated: slot.allocated.clone(),
    });
    let work = Publication {
        world: World::of(&daemon.shared.node.hostname, known),
        shared: daemon.shared.clone(),
        last: publisher.last.clone(),
        compares,
        held,
    };
    let messages = daemon.messages.clone();
    spawn_blocking(move || {
        drop(messages.blocking_send(Message::Published(Box::new(work.run()))));
    });
}

struct Publication {
    /// Each PF as it is to be told of.
    world: World<KnownPf>,
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
        let (world, unknown) = self.described(&memory);
        let mut kept = Kept::unseen(&unknown, &told_of(&memory));
        let (outputs, cni_directory) = &self.outputs(&mut kept);
        let (networks, not_now) = kept.without(&shared.policies.networks, &memory.assignments);
        let mut rendered = render::render(&render::RenderInput {
            policies: &shared.policies.policies,
            networks: &networks,
            world: &world,
            previous: &memory.assignments,
            cni_directory: *cni_directory,
            settings: outputs,
        });
        kept.hold(&mut rendered.files, outputs, |path| self.is_absent(path));
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
                false => BTreeSet::new(),
            };
            let ours = &owned - &stays;
            let mut prepared = Parts::prepare(
                &shared.apart,
                &shared.root,
                rendered.files,
                &ours,
                directories,
            );
            prepared.leave(self.held.iter().filter(is_as_before));
            let about_to_own = &prepared.owned() | &stays;
            drop(shared.store.note(|memory| memory.files = about_to_own));
            let mut report = prepared.commit();
            report.failed.append(&mut kept.failed);
            owned = &report.owned | &stays;
            let repaired = report.written.iter().filter(is_as_before).cloned();
            published.repaired = repaired.collect();
            published.report = Some(report);
        }
        let were_refused = shared.ledger.has_wrong_marks();
        let marks = (self.compares || were_refused).then(|| shared.ledger.restore_marks());
        let unmarked = match marks.unwrap_or_else(|| Ok(BTreeSet::new())) {
            // What the disk refused before is nobody's doing.
            Ok(_) if were_refused => None,
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
        let unnoted = shared.last_seen.note(&self.world).err();
        published.unsaved = saved.err().or(unmarked).or(unnoted);
        published
    }

    /// What there is to tell of, and of which PFs nothing is known. One that has not been seen since the agent started is
    /// as an agent before it saw it.
    fn described(&self, memory: &Memory) -> (World<KnownPf>, BTreeSet<PciAddress>) {
        let shared = &self.shared;
        let mut unknown = BTreeSet::new();
        let mut described = Vec::new();
        for (&address, known) in self.world.pfs() {
            if known.seen.is_some() {
                described.push(Arc::clone(known));
                continue;
            }
            let Some(pf) = shared.last_seen.of(address) else {
                unknown.insert(address);
                continue;
            };
            let hold = memory.hold_on(&pf);
            let resolution = resolve_held(&shared.policies, &shared.node, &pf, hold);
            let known = KnownPf::seen(pf, resolution, known.problems.clone());
            described.push(Arc::new(known));
        }
        (World::of(&self.world.node, described), unknown)
    }

    /// A look at what a directory has, where its file system answers.
    fn apart<T: Send + 'static>(
        &self,
        directory: &Path,
        look: impl FnOnce(&Path, &Path) -> Result<T, FileError> + Send + 'static,
    ) -> Result<T, FileError> {
        let root = Arc::clone(&self.shared.root);
        let place = file::under(&root, directory);
        let directory = directory.to_owned();
        (self.shared.apart).run(&place, move || look(&root, &directory))?
    }

    /// What cannot be seen may be there.
    fn is_absent(&self, path: &Path) -> bool {
        let file = file::under(&self.shared.root, path);
        let look = move |_: &Path, _: &Path| {
            let found = file::access(&file).and_then(|()| fs::symlink_metadata(&file));
            Ok(found.is_err_and(|error| error.kind() == ErrorKind::NotFound))
        };
        let looked = self.apart(path.parent().unwrap_or(path), look);
        looked.is_ok_and(|is_absent| is_absent)
    }

    /// Without those of which nobody knows now what belongs there.
    fn outputs(&self, kept: &mut Kept) -> (OutputSettings, CniDirectory) {
        let settings = &self.shared.settings.outputs;
        let looked = self.apart(Path::new(PLUGINS), |root, _| Plugins::look(root));
        let mut outputs = match looked {
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
            match self.apart(&directory, cni_directory::look) {
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

fn rendered_to(settings: &settings::Outputs, plugins: Plugins) -> OutputSettings {
    let settings::Outputs {
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
    OutputSettings {
        cni_dir: cni.then(|| settings.cni_dir.clone()),
        device_plugin_file: device_plugin.then(|| settings.device_plugin_file.clone()),
        node_state_file: node_state.then(|| settings.node_state_file.clone()),
        // Always: a plugin that is installed later finds its pools at once.
        pools_file: Some(POOLS.into()),
        podman_dir: podman.then(|| settings.podman_dir.clone()),
        manifests_dir: manifests.then(|| settings.manifests_dir.clone()),
        cdi_dir: cdi.then(|| settings.cdi_dir.clone()),
        own_cni_plugin,
    }
}

#[cfg(test)]
mod tests;
