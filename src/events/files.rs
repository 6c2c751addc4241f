//! Files that matter: policies, records of lent VFs, VFIO groups that somebody closes, and what lies beside our outputs.
//!
//! None of the directories must exist: one that is made, removed or replaced later is noticed.

mod tree;

use super::{Cause, Neighbour, Scope, Trigger, send};
use crate::model::PciAddress;
use crate::model::allocation::ALLOCATIONS;
use anyhow::Context as _;
use futures::StreamExt as _;
use inotify::{EventMask, EventOwned, EventStream, Inotify, WatchMask};
use std::convert::Infallible;
use std::ffi::OsStr;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use tokio::sync::mpsc::Sender;
use tree::{Role, Tree};

/// Room for some dozens of events; the kernel queues the others.
const BUFFER: usize = 16 << 10;

/// What is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directories(Vec<(Kind, PathBuf)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Policies,
    /// `/dev/vfio`: one character device per group.
    VfioGroups,
    /// `/dev/vfio/devices`: those that are opened without a group.
    VfioDevices,
    /// Records of VFs that are lent, sriov-cni's and ours, named by the VF's PCI address.
    Allocations,
    /// Where outputs of ours lie beside other files.
    Outputs,
    /// That it is there, or not, matters; what is in it does not.
    Landmark,
}

/// What is told of an event.
enum Heard {
    Trigger(Trigger),
    Neighbour(Neighbour),
}

impl Directories {
    /// The policy directories as they are given, the others under `root`.
    pub fn new(root: &Path, policies: &[PathBuf]) -> Self {
        let policies = policies.iter().map(|path| (Kind::Policies, path.clone()));
        let others = [
            (Kind::VfioGroups, root.join("dev/vfio")),
            (Kind::VfioDevices, root.join("dev/vfio/devices")),
            (Kind::Allocations, root.join("var/lib/cni/sriov/pci")),
            (
                Kind::Allocations,
                root.join(ALLOCATIONS.trim_start_matches('/')),
            ),
        ];
        Self(policies.chain(others).collect())
    }

    /// Also where outputs lie, and what else decides about them by being there.
    pub fn and_neighbours(mut self, outputs: Vec<PathBuf>, landmarks: Vec<PathBuf>) -> Self {
        let of = |kind, paths: Vec<PathBuf>| paths.into_iter().map(move |path| (kind, path));
        self.0.extend(of(Kind::Outputs, outputs));
        self.0.extend(of(Kind::Landmark, landmarks));
        self
    }
}

impl Kind {
    fn mask(self) -> WatchMask {
        match self {
            Self::Policies => {
                WatchMask::CLOSE_WRITE
                    | WatchMask::CREATE
                    | WatchMask::DELETE
                    | WatchMask::MOVE
                    | WatchMask::ATTRIB
            }
            // Whoever uses a device opens it for writing; our own look at a group does not.
            Self::VfioGroups | Self::VfioDevices => WatchMask::CLOSE_WRITE,
            Self::Allocations => WatchMask::CLOSE_WRITE | WatchMask::DELETE | WatchMask::MOVE,
            Self::Outputs => {
                WatchMask::CLOSE_WRITE | WatchMask::CREATE | WatchMask::DELETE | WatchMask::MOVE
            }
            Self::Landmark => WatchMask::DELETE_SELF,
        }
    }

    /// What an event in the directory says.
    fn heard(self, directory: &Path, name: Option<&OsStr>, mask: EventMask) -> Option<Heard> {
        // The watch may serve others too, who asked for more.
        if mask.bits() & self.mask().bits() == 0 {
            return None;
        }
        let text = name.and_then(OsStr::to_str);
        let (scope, cause) = match self {
            Self::Policies => is_policy_change(directory, name, mask)
                .then_some((Scope::Policies, Cause::PolicyFiles))?,
            Self::VfioGroups => {
                let group = text?.parse().ok()?;
                (Scope::VfioGroup(group), Cause::VfioClosed { group })
            }
            Self::VfioDevices => {
                let device = text?.to_owned();
                (Scope::VfioDevice, Cause::VfioDeviceClosed { device })
            }
            Self::Allocations => {
                let vf: PciAddress = text?.parse().ok()?;
                (Scope::Device(vf), Cause::Allocation { vf })
            }
            Self::Outputs => {
                let name = name.filter(|name| is_whole(directory, name, mask))?;
                return Some(Heard::Neighbour(Neighbour::Entry(name.to_owned())));
            }
            Self::Landmark => return None,
        };
        Some(Heard::Trigger(Trigger { scope, cause }))
    }

    /// What it says that the directory itself may have come or gone.
    fn heard_on_the_way(self) -> Option<Heard> {
        match self {
            Self::Policies => Some(Heard::Trigger(Trigger {
                scope: Scope::Policies,
                cause: Cause::PolicyFiles,
            })),
            Self::Outputs | Self::Landmark => Some(Heard::Neighbour(Neighbour::Directory)),
            Self::VfioGroups | Self::VfioDevices | Self::Allocations => None,
        }
    }
}

/// Whoever has just made a file is still to write it, and then closes it.
fn is_whole(directory: &Path, name: &OsStr, mask: EventMask) -> bool {
    !mask.contains(EventMask::CREATE)
        || directory
            .join(name)
            .symlink_metadata()
            .is_ok_and(|found| found.len() != 0)
}

fn is_policy_change(directory: &Path, name: Option<&OsStr>, mask: EventMask) -> bool {
    let Some(name) = name else {
        return mask.contains(EventMask::ATTRIB);
    };
    let text = name.to_string_lossy();
    // Kubernetes replaces a mounted ConfigMap by renaming the link `..data`.
    let policy = text == "..data" || (!text.starts_with('.') && text.ends_with(".toml"));
    // A regular file that has just been made is still empty, and an empty file masks: wait until
    // its writer closes it. Links are whole from the start.
    let whole = !mask.contains(EventMask::CREATE)
        || directory
            .join(name)
            .symlink_metadata()
            .is_ok_and(|found| found.is_symlink() || found.nlink() > 1);
    policy && whole
}

/// Hears everything from `subscribe` on.
pub struct Source {
    directories: Directories,
    tree: Tree,
    stream: EventStream<Vec<u8>>,
}

impl Source {
    /// Watches these directories, those that do not exist yet included.
    pub fn subscribe(directories: Directories) -> anyhow::Result<Self> {
        let subscribe = || -> io::Result<_> {
            let inotify = Inotify::init()?;
            let tree = Tree::plant(&mut inotify.watches(), &directories.0)?;
            Ok((tree, inotify.into_event_stream(vec![0; BUFFER])?))
        };
        let (tree, stream) = subscribe().context("cannot watch files")?;
        Ok(Self {
            directories,
            tree,
            stream,
        })
    }

    /// Runs until something is broken.
    pub async fn run(
        mut self,
        triggers: Sender<Trigger>,
        neighbours: Sender<Neighbour>,
    ) -> anyhow::Result<Infallible> {
        loop {
            let event = self.stream.next().await.context("inotify ended")?;
            let found = event
                .and_then(|event| self.look(&event))
                .context("cannot watch files")?;
            for heard in found {
                match heard {
                    Heard::Trigger(trigger) => send(&triggers, trigger).await?,
                    Heard::Neighbour(neighbour) => send(&neighbours, neighbour).await?,
                }
            }
        }
    }

    fn look(&mut self, event: &EventOwned) -> io::Result<Vec<Heard>> {
        if event.mask.contains(EventMask::Q_OVERFLOW) {
            self.replant()?;
            return Ok(vec![Heard::Trigger(Trigger::overrun("inotify"))]);
        }
        let gone = event
            .mask
            .intersects(EventMask::IGNORED | EventMask::UNMOUNT | EventMask::MOVE_SELF);
        let mut moved = false;
        let mut all = Vec::new();
        for (kind, role) in self.tree.roles(&event.wd) {
            let on_the_way = match role {
                _ if gone => true,
                Role::Way { next } => {
                    event.mask.bits() & tree::WAY.bits() != 0 && event.name.as_ref() == Some(next)
                }
                Role::Step => false,
                Role::Content { directory } => {
                    all.extend(kind.heard(directory, event.name.as_deref(), event.mask));
                    false
                }
            };
            moved |= on_the_way;
            if on_the_way {
                all.extend(kind.heard_on_the_way());
            }
        }
        if moved {
            self.replant()?;
        }
        Ok(all)
    }

    fn replant(&mut self) -> io::Result<()> {
        let mut watches = self.stream.watches();
        let tree = Tree::plant(&mut watches, &self.directories.0)?;
        std::mem::replace(&mut self.tree, tree).uproot(&mut watches, &self.tree);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
