//! Which directories to watch so that the content of some directories is seen, whatever happens on the way to them.

use super::Kind;
use inotify::{WatchDescriptor, WatchMask, Watches};
use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};

/// As many symbolic links as the kernel follows in one path.
const LINKS: usize = 40;

/// Entries that come, go, or are replaced.
pub(super) const WAY: WatchMask = WatchMask::CREATE
    .union(WatchMask::DELETE)
    .union(WatchMask::MOVE);

/// The directory itself goes, or is put elsewhere. Not where a symbolic link leads.
const STEP: WatchMask = WatchMask::DELETE_SELF
    .union(WatchMask::MOVE_SELF)
    .union(WatchMask::DONT_FOLLOW);

/// What a watch is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    /// The way to a directory goes through the entry `next`, if it is there.
    Way { next: OsString },
    /// The way goes through this directory.
    Step,
    /// This is the directory.
    Content { directory: PathBuf },
}

/// The watches in place. One watch has several roles where ways meet.
#[derive(Debug, Default)]
pub(super) struct Tree(BTreeMap<i32, (WatchDescriptor, Vec<(Kind, Role)>)>);

impl Tree {
    pub(super) fn plant(
        watches: &mut Watches,
        directories: &[(Kind, PathBuf)],
    ) -> io::Result<Self> {
        let mut tree = Self::default();
        for (kind, directory) in directories {
            tree.walk(watches, *kind, directory)?;
        }
        Ok(tree)
    }

    pub(super) fn roles(&self, watch: &WatchDescriptor) -> &[(Kind, Role)] {
        match self.0.get(&watch.get_watch_descriptor_id()) {
            Some((_, roles)) => roles,
            None => &[],
        }
    }

    /// Ends the watches that the new tree has no use for.
    pub(super) fn uproot(self, watches: &mut Watches, new: &Self) {
        for (id, (watch, _)) in self.0 {
            if !new.0.contains_key(&id) {
                // The kernel has ended it itself if its directory was removed.
                let _ = watches.remove(watch);
            }
        }
    }

    /// Every directory is watched before the next step is looked at: whatever appears or vanishes
    /// meanwhile leaves an event.
    fn walk(&mut self, watches: &mut Watches, kind: Kind, path: &Path) -> io::Result<()> {
        let start = if path.is_absolute() { "/" } else { "." };
        let mut here = PathBuf::from(start);
        let mut ahead = steps(path);
        let mut links = 0;
        while let Some(next) = ahead.pop_front() {
            if next == ".." {
                here.pop();
                continue;
            }
            let entry = here.join(&next);
            let way = Role::Way { next };
            // `/run` and its like change all the time: where a directory is there, only its end is
            // of interest. Its removal is told where it was at once, even if somebody stands in it.
            if !self.watch(watches, &here, WatchMask::DELETE, kind, way.clone())? {
                return Ok(());
            }
            if self.watch(watches, &entry, STEP, kind, Role::Step)? {
                here = entry;
                continue;
            }
            if !self.watch(watches, &here, WAY, kind, way)? {
                return Ok(());
            }
            match entry.symlink_metadata() {
                Ok(found) if found.is_symlink() && links < LINKS => {
                    links += 1;
                    let Ok(target) = entry.read_link() else {
                        return Ok(());
                    };
                    if target.is_absolute() {
                        here = PathBuf::from("/");
                    }
                    let mut target = steps(&target);
                    target.append(&mut ahead);
                    ahead = target;
                }
                Ok(found) if found.is_dir() => here = entry,
                _ => return Ok(()),
            }
        }
        let directory = here.clone();
        self.watch(
            watches,
            &here,
            kind.mask(),
            kind,
            Role::Content { directory },
        )?;
        Ok(())
    }

    /// False if there is no such directory any more.
    fn watch(
        &mut self,
        watches: &mut Watches,
        directory: &Path,
        mask: WatchMask,
        kind: Kind,
        role: Role,
    ) -> io::Result<bool> {
        let mask = mask | WatchMask::MASK_ADD | WatchMask::ONLYDIR;
        match watches.add(directory, mask) {
            Ok(watch) => {
                let id = watch.get_watch_descriptor_id();
                let (_, roles) = self.0.entry(id).or_insert((watch, Vec::new()));
                // Ways meet, and what is missing is watched for twice: one event is one trigger.
                let role = (kind, role);
                if !roles.contains(&role) {
                    roles.push(role);
                }
                Ok(true)
            }
            Err(error) if is_absence(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn is_absence(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory)
}

fn steps(path: &Path) -> VecDeque<OsString> {
    let named = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    named.collect()
}
