//! The directories and the watches for them. Looking them up may wait for a file system: one that does not answer, or
//! fails, delays no other.

use super::kind::{Kind, PATIENCE};
use super::tree::{Branch, Role, Walked, Watcher};
use super::walks::Walks;
use anyhow::Context as _;
use inotify::{WatchDescriptor, Watches};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;

/// The first pause after a failure. It doubles up to half a minute: that a directory can be looked up again, or that
/// there is room for watches, gives no event.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Places {
    places: Vec<Place>,
    walks: Walks,
    /// No use for them was seen when there was one last. A walk at work may have found one.
    stale: BTreeMap<i32, WatchDescriptor>,
}

#[derive(Debug)]
struct Place {
    kind: Kind,
    path: PathBuf,
    branch: Branch,
    /// A walk is at work, or waits for its turn.
    is_walking: bool,
    /// It takes longer than anybody waits.
    is_overdue: bool,
    /// Something moved on the way meanwhile.
    again: bool,
    was_walked: bool,
    failures: u32,
    retry_at: Option<Instant>,
    /// Why it is not watched, as it was told.
    trouble: Option<String>,
}

/// What is to be told of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum News {
    NotWatched {
        directory: PathBuf,
        reason: String,
    },
    /// What happened to its one file before was not heard.
    FileWatched {
        kind: Kind,
    },
    /// What happened there meanwhile was not heard.
    WatchedAgain {
        kind: Kind,
        directory: PathBuf,
    },
}

impl Places {
    pub(super) fn new(directories: &[(Kind, PathBuf)]) -> Self {
        let place = |(kind, path): &(Kind, PathBuf)| Place {
            kind: *kind,
            path: path.clone(),
            branch: Branch::default(),
            is_walking: false,
            is_overdue: false,
            again: false,
            was_walked: false,
            failures: 0,
            retry_at: None,
            trouble: None,
        };
        Self {
            places: directories.iter().map(place).collect(),
            walks: Walks::new(directories.len()),
            stale: BTreeMap::new(),
        }
    }

    /// Whose watch it is, and what for: each once, with the numbers of the places.
    pub(super) fn roles(&self, watch: &WatchDescriptor) -> Vec<(Vec<usize>, Kind, Role)> {
        let mut all: Vec<(Vec<usize>, Kind, Role)> = Vec::new();
        for (number, place) in self.places.iter().enumerate() {
            for role in place.branch.roles(watch) {
                let known = |it: &&mut (_, Kind, Role)| it.1 == place.kind && it.2 == *role;
                match all.iter_mut().find(known) {
                    Some((numbers, ..)) => numbers.push(number),
                    None => all.push((vec![number], place.kind, role.clone())),
                }
            }
        }
        all
    }

    /// See to it that walks begin after now.
    pub(super) fn walk_all(&mut self, watches: &Watches) {
        let watcher = Watcher::new(watches);
        (0..self.places.len()).for_each(|number| self.walk_with(number, watcher.clone()));
    }

    pub(super) fn walk(&mut self, number: usize, watches: &Watches) {
        self.walk_with(number, Watcher::new(watches));
    }

    fn walk_with(&mut self, number: usize, mut watcher: Watcher) {
        let Some(place) = self.places.get_mut(number) else {
            return;
        };
        if place.is_walking {
            place.again = true;
            return;
        }
        place.is_walking = true;
        place.retry_at = None;
        let (kind, path) = (place.kind, place.path.clone());
        let walk = move || Branch::walk(&mut watcher, kind, &path);
        self.walks.add(number, walk);
    }

    pub(super) fn is_walking(&self) -> bool {
        !self.walks.is_empty()
    }

    /// Walks are to end of which nobody knows yet that they take long.
    pub(super) fn are_to_be_waited_for(&self) -> bool {
        let mut places = self.places.iter();
        places.any(|place| place.is_walking && !place.is_overdue)
    }

    /// The next walk that is over. Only if there is one.
    pub(super) async fn next(&mut self, watches: &Watches) -> anyhow::Result<Option<News>> {
        let (number, walked) = self.walks.next().await.context("no walk")?;
        Ok(self.ended(number, walked, watches))
    }

    fn ended(&mut self, number: usize, walked: Walked, watches: &Watches) -> Option<News> {
        let place = self.places.get_mut(number)?;
        place.is_walking = false;
        place.is_overdue = false;
        let directory = place.path.clone();
        let news = match walked.error {
            None => {
                place.failures = 0;
                let before = std::mem::replace(&mut place.branch, walked.branch);
                self.stale.extend(before.watches());
                let kind = place.kind;
                let was_walked = std::mem::replace(&mut place.was_walked, true);
                match place.trouble.take() {
                    Some(_) => Some(News::WatchedAgain { kind, directory }),
                    None if kind.file().is_some() && was_walked => Some(News::FileWatched { kind }),
                    None => None,
                }
            }
            Some(error) => {
                let pause = PAUSE * 2_u32.pow(place.failures.min(5));
                place.failures += 1;
                place.retry_at = Some(Instant::now() + pause);
                place.branch.join(walked.branch);
                let reason = error.to_string();
                let is_news = place.trouble.as_ref() != Some(&reason);
                place.trouble = Some(reason.clone());
                is_news.then_some(News::NotWatched { directory, reason })
            }
        };
        if std::mem::take(&mut place.again) {
            self.walk(number, watches);
        }
        self.end_stale(watches);
        news
    }

    fn end_stale(&mut self, watches: &Watches) {
        if self.is_walking() {
            return;
        }
        let mut watches = watches.clone();
        for (id, watch) in std::mem::take(&mut self.stale) {
            if !self.places.iter().any(|place| place.branch.has(id)) {
                // The kernel has ended it itself if its directory was removed.
                let _ = watches.remove(watch);
            }
        }
    }

    /// When a walk begins again, or takes too long.
    pub(super) fn next_time(&self) -> Option<Instant> {
        let overdue = |number, place: &Place| {
            let since = self.walks.begun(number).filter(|_| !place.is_overdue)?;
            Some(since + PATIENCE)
        };
        let places = self.places.iter().enumerate();
        let times = places.flat_map(|(number, place)| [place.retry_at, overdue(number, place)]);
        times.flatten().min()
    }

    pub(super) fn on_time(&mut self, now: Instant, watches: &Watches) -> Vec<News> {
        let mut due = Vec::new();
        let mut news = Vec::new();
        for (number, place) in self.places.iter_mut().enumerate() {
            if place.retry_at.is_some_and(|at| at <= now) {
                due.push(number);
            }
            let begun = self.walks.begun(number).filter(|_| !place.is_overdue);
            let is_overdue = begun.is_some_and(|since| since + PATIENCE <= now);
            if is_overdue {
                place.is_overdue = true;
                self.walks.overtake();
            }
            if is_overdue && place.trouble.is_none() {
                let reason = "its file system does not answer".to_owned();
                place.trouble = Some(reason.clone());
                let directory = place.path.clone();
                news.push(News::NotWatched { directory, reason });
            }
        }
        due.into_iter().for_each(|it| self.walk(it, watches));
        news
    }
}
