//! Files that matter: policies, records of allocated VFs, VFIO groups that somebody closes, and what lies beside our outputs.
//!
//! None of the directories must exist: one that is made, removed or replaced later is noticed.

mod kind;
mod places;
mod tree;
mod walks;

use super::trigger::send;
use super::{Neighbour, Trigger};
use anyhow::Context as _;
use futures::StreamExt as _;
use inotify::{EventMask, EventOwned, EventStream, Inotify};
use kind::{Heard, Kind};
use places::{News, Places};
use sriovd_core::model::allocation::ALLOCATIONS;
use sriovd_core::model::kubelet::KUBELET;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use tokio::sync::mpsc::Sender;
use tokio::time::{Instant, sleep_until};
use tree::Role;

/// Room for some dozens of events; the kernel queues the others.
const BUFFER: usize = 16 << 10;

/// What is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directories(Vec<(Kind, PathBuf)>);

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
            (
                Kind::Allocations,
                root.join(KUBELET.trim_start_matches('/')),
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

/// Hears everything from `subscribe` on.
pub struct FileEvents {
    places: Places,
    stream: EventStream<Vec<u8>>,
    /// Told when it runs.
    news: Vec<News>,
}

impl FileEvents {
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
            let told = told.into_iter().flat_map(heard_of);
            for heard in told.collect::<Vec<_>>() {
                tell(heard, &triggers, &neighbours).await?;
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
                        tell(heard, &triggers, &neighbours).await?;
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

fn heard_of(news: News) -> Vec<Heard> {
    let (told, then) = match news {
        News::NotWatched { directory, reason } => {
            let reason = Some(reason);
            (Neighbour::Watched { directory, reason }, None)
        }
        News::FileWatched { kind } => return kind.heard_on_the_way().into_iter().collect(),
        News::WatchedAgain { kind, directory } => {
            let lost = || Heard::Trigger(Trigger::overrun("inotify"));
            let reason = None;
            let then = kind.heard_on_the_way().unwrap_or_else(lost);
            (Neighbour::Watched { directory, reason }, Some(then))
        }
    };
    [Heard::Neighbour(told)].into_iter().chain(then).collect()
}

async fn tell(
    heard: Heard,
    triggers: &Sender<Trigger>,
    neighbours: &Sender<Neighbour>,
) -> anyhow::Result<()> {
    match heard {
        Heard::Trigger(trigger) => send(triggers, trigger).await,
        Heard::Neighbour(neighbour) => send(neighbours, neighbour).await,
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
