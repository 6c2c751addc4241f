//! Files that matter: policies, records of allocated VFs, VFIO groups that somebody closes, and what lies beside our outputs.
//!
//! None of the directories must exist: one that is made, removed or replaced later is noticed.

mod places;
mod tree;
mod walks;

use super::{Cause, Neighbour, Scope, Trigger, send};
use anyhow::Context as _;
use futures::StreamExt as _;
use inotify::{EventMask, EventOwned, EventStream, Inotify, WatchMask};
use places::{News, PATIENCE, Places};
use sriovd_core::model::PciAddress;
use sriovd_core::model::allocation::ALLOCATIONS;
use std::convert::Infallible;
use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use tokio::sync::mpsc::Sender;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until, timeout};
use tree::Role;

/// Room for some dozens of events; the kernel queues the others.
const BUFFER: usize = 16 << 10;

/// The name of the settings file.
const SETTINGS: &str = "sriovd.toml";

/// What is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directories(Vec<(Kind, PathBuf)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Policies,
    /// Where the settings file lies.
    Settings,
    /// `/dev/vfio`: one character device per group.
    VfioGroups,
    /// `/dev/vfio/devices`: those that are opened without a group.
    VfioDevices,
    /// Records of VFs that are allocated, sriov-cni's and ours, named by the VF's PCI address.
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

    /// Also where the settings file of this agent lies.
    pub fn and_settings(mut self, file: &Path) -> Self {
        let directory = file.parent().map(Path::to_owned);
        self.0.extend(directory.map(|it| (Kind::Settings, it)));
        self
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
            Self::Policies | Self::Settings => {
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

    /// Of what in the directory alone matters, the name.
    fn file(self) -> Option<&'static str> {
        (self == Self::Settings).then_some(SETTINGS)
    }

    /// Whether the file that alone matters is another now. Without a name the event is of the file itself.
    async fn concerns_file(
        file: Option<&OsStr>,
        directory: &Path,
        name: Option<&OsStr>,
        mask: EventMask,
    ) -> bool {
        match (file, name) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(file), Some(name)) => file == name && is_finished(directory, name, mask).await,
        }
    }

    /// What an event in the directory says.
    async fn heard(self, directory: &Path, name: Option<&OsStr>, mask: EventMask) -> Option<Heard> {
        // The watch may serve others too, who asked for more.
        if mask.bits() & self.mask().bits() == 0 {
            return None;
        }
        let text = name.and_then(OsStr::to_str);
        let (scope, cause) = match self {
            Self::Policies => is_policy_change(directory, name, mask)
                .await
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
                let name = name?;
                // Whoever has just made a file is still to write it, and then closes it.
                let is_whole = is_whole(directory, name, mask, |found| found.len() != 0).await;
                return is_whole.then(|| Heard::Neighbour(Neighbour::Entry(name.to_owned())));
            }
            Self::Settings | Self::Landmark => return None,
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
            Self::Settings => Some(Heard::Trigger(Trigger {
                scope: Scope::Node,
                cause: Cause::Settings,
            })),
            Self::Outputs | Self::Landmark => Some(Heard::Neighbour(Neighbour::Directory)),
            Self::VfioGroups | Self::VfioDevices | Self::Allocations => None,
        }
    }
}

/// Of what has just been made that is looked up. What does not answer may be whole.
async fn is_whole(
    directory: &Path,
    name: &OsStr,
    mask: EventMask,
    is_so: impl FnOnce(&Metadata) -> bool,
) -> bool {
    if !mask.contains(EventMask::CREATE) {
        return true;
    }
    let path = directory.join(name);
    let looked = spawn_blocking(move || path.symlink_metadata());
    match timeout(PATIENCE, looked).await {
        Ok(Ok(found)) => found.is_ok_and(|found| is_so(&found)),
        _ => true,
    }
}

async fn is_policy_change(directory: &Path, name: Option<&OsStr>, mask: EventMask) -> bool {
    let Some(name) = name else {
        return mask.contains(EventMask::ATTRIB);
    };
    let text = name.to_string_lossy();
    // Kubernetes replaces a mounted ConfigMap by renaming the link `..data`.
    let policy = text == "..data" || (!text.starts_with('.') && text.ends_with(".toml"));
    policy && is_finished(directory, name, mask).await
}

/// A regular file that has just been made is still empty, and an empty file masks: its writer is still to close it. Links
/// are whole from the start.
async fn is_finished(directory: &Path, name: &OsStr, mask: EventMask) -> bool {
    let is_link = |found: &Metadata| found.is_symlink() || found.nlink() > 1;
    is_whole(directory, name, mask, is_link).await
}

/// Hears everything from `subscribe` on.
pub struct Source {
    places: Places,
    stream: EventStream<Vec<u8>>,
    /// Told when it runs.
    news: Vec<News>,
}

impl Source {
    /// Watches these directories, those that do not exist yet included. Directories that cannot be watched yet are watched later.
    pub async fn subscribe(directories: Directories) -> anyhow::Result<Self> {
        let subscribe = || Inotify::init()?.into_event_stream(vec![0; BUFFER]);
        let stream = subscribe().context("cannot watch files")?;
        let mut source = Self {
            places: Places::new(&directories.0),
            news: Vec::new(),
            stream,
        };
        let watches = source.stream.watches();
        source.places.walk_all(&watches);
        while source.places.are_to_be_waited_for() {
            let next_time = source.places.next_time();
            tokio::select! {
                biased;
                news = source.places.next(&watches) => source.news.extend(news?),
                () = until(next_time) => {
                    let late = source.places.on_time(Instant::now(), &watches);
                    source.news.extend(late);
                }
            }
        }
        Ok(source)
    }

    /// Runs until something is broken.
    pub async fn run(
        mut self,
        triggers: Sender<Trigger>,
        neighbours: Sender<Neighbour>,
    ) -> anyhow::Result<Infallible> {
        let watches = self.stream.watches();
        loop {
            let told = std::mem::take(&mut self.news);
            let told = told.into_iter().flat_map(Heard::of_news);
            for heard in told.collect::<Vec<_>>() {
                heard.send(&triggers, &neighbours).await?;
            }
            let next_time = self.places.next_time();
            tokio::select! {
                biased;
                news = self.places.next(&watches), if self.places.is_walking() => {
                    self.news.extend(news?);
                }
                () = until(next_time) => {
                    self.news = self.places.on_time(Instant::now(), &watches);
                }
                event = self.stream.next(), if !self.places.are_to_be_waited_for() => {
                    let event = event.context("inotify ended")?;
                    let event = event.context("cannot watch files")?;
                    for heard in self.look(&event).await {
                        heard.send(&triggers, &neighbours).await?;
                    }
                }
            }
        }
    }

    async fn look(&mut self, event: &EventOwned) -> Vec<Heard> {
        let watches = self.stream.watches();
        if event.mask.contains(EventMask::Q_OVERFLOW) {
            self.places.walk_all(&watches);
            return vec![Heard::Trigger(Trigger::overrun("inotify"))];
        }
        let gone = event
            .mask
            .intersects(EventMask::IGNORED | EventMask::UNMOUNT | EventMask::MOVE_SELF);
        let mut all = Vec::new();
        for (places, kind, role) in self.places.roles(&event.wd) {
            let on_the_way = match role {
                _ if gone => true,
                Role::Way { next } => {
                    event.mask.bits() & tree::WAY.bits() != 0 && event.name.as_ref() == Some(&next)
                }
                Role::Step => false,
                Role::Content { directory, file } => {
                    let name = event.name.as_deref();
                    all.extend(kind.heard(&directory, name, event.mask).await);
                    Kind::concerns_file(file.as_deref(), &directory, name, event.mask).await
                }
            };
            if on_the_way {
                places
                    .into_iter()
                    .for_each(|it| self.places.walk(it, &watches));
                // A file is read when the one that is there now is watched: no later change of it is missed.
                all.extend(kind.heard_on_the_way().filter(|_| kind.file().is_none()));
            }
        }
        all
    }
}

impl Heard {
    fn of_news(news: News) -> Vec<Self> {
        let (told, then) = match news {
            News::NotWatched { directory, reason } => {
                let reason = Some(reason);
                (Neighbour::Watched { directory, reason }, None)
            }
            News::FileWatched { kind } => return kind.heard_on_the_way().into_iter().collect(),
            News::WatchedAgain { kind, directory } => {
                let lost = || Self::Trigger(Trigger::overrun("inotify"));
                let reason = None;
                let then = kind.heard_on_the_way().unwrap_or_else(lost);
                (Neighbour::Watched { directory, reason }, Some(then))
            }
        };
        [Self::Neighbour(told)].into_iter().chain(then).collect()
    }

    async fn send(
        self,
        triggers: &Sender<Trigger>,
        neighbours: &Sender<Neighbour>,
    ) -> anyhow::Result<()> {
        match self {
            Self::Trigger(trigger) => send(triggers, trigger).await,
            Self::Neighbour(neighbour) => send(neighbours, neighbour).await,
        }
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
