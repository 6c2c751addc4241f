//! Which directories to watch so that the content of some directories is seen, whatever happens on the way to them.

use super::kind::Kind;
use inotify::{WatchDescriptor, WatchMask, Watches};
use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

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

/// A file is written, or is not the one of its name any more: while somebody has it open, only its count of links tells.
const FILE: WatchMask = WatchMask::CLOSE_WRITE
    .union(WatchMask::ATTRIB)
    .union(WatchMask::DELETE_SELF)
    .union(WatchMask::MOVE_SELF)
    .union(WatchMask::MASK_ADD)
    .union(WatchMask::DONT_FOLLOW);

/// What a watch is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    /// The way to a directory goes through the entry `next`, if it is there.
    Way { next: OsString },
    /// The way goes through this directory.
    Step,
    /// This is the directory. The file is what alone matters in it.
    Content {
        directory: PathBuf,
        file: Option<OsString>,
    },
}

/// The watches for one directory. One watch has several roles where its way meets itself.
#[derive(Debug, Default)]
pub(super) struct Branch(BTreeMap<i32, (WatchDescriptor, Vec<Role>)>);

/// Adds watches. Of those that share one, the ways of which begin alike, each watch is asked for once: events wait until
/// all walks are over, so that what changes on the way after the first of them is heard for all.
#[derive(Debug, Clone)]
pub(super) struct Watcher {
    watches: Watches,
    added: Arc<Mutex<BTreeMap<(PathBuf, u32), WatchDescriptor>>>,
}

impl Watcher {
    pub(super) fn new(watches: &Watches) -> Self {
        Self {
            watches: watches.clone(),
            added: Arc::default(),
        }
    }

    /// May wait for the file system.
    fn add(&mut self, path: &Path, mask: WatchMask) -> io::Result<WatchDescriptor> {
        let what = (path.to_owned(), mask.bits());
        let added = || self.added.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(watch) = added().get(&what) {
            return Ok(watch.clone());
        }
        let watch = self.watches.add(path, mask)?;
        added().insert(what, watch.clone());
        Ok(watch)
    }
}

/// What became of a walk.
#[derive(Debug)]
pub(super) struct Walked {
    pub(super) branch: Branch,
    /// It ended before the directory, or before what is missing on the way there.
    pub(super) error: Option<io::Error>,
}

impl Branch {
    pub(super) fn roles(&self, watch: &WatchDescriptor) -> &[Role] {
        match self.0.get(&watch.get_watch_descriptor_id()) {
            Some((_, roles)) => roles,
            None => &[],
        }
    }

    pub(super) fn has(&self, id: i32) -> bool {
        self.0.contains_key(&id)
    }

    /// Both, for a walk that did not come to its end.
    pub(super) fn join(&mut self, other: Self) {
        for (id, (watch, roles)) in other.0 {
            let (_, mine) = self.0.entry(id).or_insert((watch, Vec::new()));
            roles.into_iter().for_each(|role| add(mine, role));
        }
    }

    pub(super) fn watches(self) -> impl Iterator<Item = (i32, WatchDescriptor)> {
        let watches = self.0.into_iter();
        watches.map(|(id, (watch, _))| (id, watch))
    }

    /// May wait for the file system.
    pub(super) fn walk(watcher: &mut Watcher, kind: Kind, path: &Path) -> Walked {
        let mut branch = Self::default();
        let error = branch.walk_to(watcher, kind, path).err();
        Walked { branch, error }
    }

    /// Every directory is watched before the next step is looked at: whatever appears or vanishes
    /// meanwhile leaves an event.
    fn walk_to(&mut self, watcher: &mut Watcher, kind: Kind, path: &Path) -> io::Result<()> {
        let start = if path.is_absolute() { "/" } else { "." };
        let mut here = PathBuf::from(start);
        let mut ahead = steps(path);
        let mut file = kind.file().map(OsString::from);
        let mut links = 0;
        loop {
            let Some(next) = ahead.pop_front() else {
                let Some(name) = file.clone().filter(|_| links < LINKS) else {
                    break;
                };
                let entry = here.join(name);
                if !found(entry.symlink_metadata())?.is_some_and(|found| found.is_symlink()) {
                    break;
                }
                links += 1;
                // Another link in its place is another inode: the end of this one is told.
                if let Some(watch) = found(watcher.add(&entry, STEP | WatchMask::MASK_ADD))? {
                    self.note(watch, Role::Step);
                }
                if let Some(target) = found(entry.read_link())? {
                    if target.is_absolute() {
                        here = PathBuf::from("/");
                    }
                    ahead = steps(&target);
                    file = ahead.pop_back();
                }
                continue;
            };
            if next == ".." {
                here.pop();
                continue;
            }
            let entry = here.join(&next);
            let way = Role::Way { next };
            // `/run` and its like change all the time: where a directory is there, only its end is
            // of interest. Its removal is told where it was at once, even if somebody stands in it.
            if !self.watch(watcher, &here, WatchMask::DELETE, way.clone())? {
                return Ok(());
            }
            if self.watch(watcher, &entry, STEP, Role::Step)? {
                here = entry;
                continue;
            }
            if !self.watch(watcher, &here, WAY, way)? {
                return Ok(());
            }
            match found(entry.symlink_metadata())? {
                Some(found) if found.is_symlink() && links < LINKS => {
                    links += 1;
                    let Some(target) = self::found(entry.read_link())? else {
                        return Ok(());
                    };
                    if target.is_absolute() {
                        here = PathBuf::from("/");
                    }
                    let mut target = steps(&target);
                    target.append(&mut ahead);
                    ahead = target;
                }
                Some(found) if found.is_dir() => here = entry,
                _ => return Ok(()),
            }
        }
        let directory = here.clone();
        let path = file.as_ref().map(|name| here.join(name));
        let role = Role::Content { directory, file };
        let mask = match path {
            Some(path) if self.watch_file(watcher, &path, role.clone())? => WatchMask::DELETE,
            _ => kind.mask(),
        };
        self.watch(watcher, &here, mask, role)?;
        Ok(())
    }

    /// False if there is no such regular file.
    fn watch_file(&mut self, watcher: &mut Watcher, file: &Path, role: Role) -> io::Result<bool> {
        if !found(file.symlink_metadata())?.is_some_and(|found| found.is_file()) {
            return Ok(false);
        }
        let watch = found(watcher.add(file, FILE))?;
        Ok(watch.is_some_and(|watch| {
            self.note(watch, role);
            true
        }))
    }

    /// False if there is no such directory any more.
    fn watch(
        &mut self,
        watcher: &mut Watcher,
        directory: &Path,
        mask: WatchMask,
        role: Role,
    ) -> io::Result<bool> {
        let mask = mask | WatchMask::MASK_ADD | WatchMask::ONLYDIR;
        let Some(watch) = found(watcher.add(directory, mask))? else {
            return Ok(false);
        };
        self.note(watch, role);
        Ok(true)
    }

    fn note(&mut self, watch: WatchDescriptor, role: Role) {
        let id = watch.get_watch_descriptor_id();
        let (_, roles) = self.0.entry(id).or_insert((watch, Vec::new()));
        add(roles, role);
    }
}

fn add(roles: &mut Vec<Role>, role: Role) {
    if !roles.contains(&role) {
        roles.push(role);
    }
}

/// `None` for what is not there. A link that is replaced meanwhile is no link any more: an event follows.
fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    use io::ErrorKind::{InvalidInput, NotADirectory, NotFound};
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.kind(), NotFound | NotADirectory | InvalidInput) => Ok(None),
        Err(error) => Err(error),
    }
}

fn steps(path: &Path) -> VecDeque<OsString> {
    let named = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    named.collect()
}
