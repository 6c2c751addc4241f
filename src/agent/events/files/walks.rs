//! Walks to directories: one after another on a thread of their own, and past one that takes too long on another.

use super::Kind;
use super::tree::{Branch, Walked};
use inotify::Watches;
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::spawn_blocking;
use tokio::time::Instant;

/// To the directory with this number.
pub(super) struct Walk {
    pub(super) number: usize,
    pub(super) kind: Kind,
    pub(super) path: PathBuf,
    pub(super) watches: Watches,
}

pub(super) struct Walks {
    queue: Arc<Mutex<Queue>>,
    tell: Sender<(usize, Walked)>,
    told: Receiver<(usize, Walked)>,
    /// How many are asked for and not told of.
    open: usize,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Walk>,
    /// Those at work, each since when.
    begun: BTreeMap<usize, Instant>,
    /// A thread takes the next one before long.
    is_served: bool,
}

impl Walks {
    /// For so many directories, each with one walk at a time.
    pub(super) fn new(directories: usize) -> Self {
        let (tell, told) = channel(directories.max(1));
        Self {
            queue: Arc::default(),
            tell,
            told,
            open: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open == 0
    }

    /// None: it waits for its turn, or is over.
    pub(super) fn begun(&self, number: usize) -> Option<Instant> {
        lock(&self.queue).begun.get(&number).copied()
    }

    pub(super) fn add(&mut self, walk: Walk) {
        self.open += 1;
        let mut queue = lock(&self.queue);
        queue.waiting.push_back(walk);
        if !queue.is_served {
            self.serve(queue);
        }
    }

    /// Those that wait go on without the one at work, which takes too long.
    pub(super) fn overtake(&self) {
        self.serve(lock(&self.queue));
    }

    fn serve(&self, mut queue: MutexGuard<'_, Queue>) {
        queue.is_served = true;
        let mut next = queue.next();
        drop(queue);
        let (queue, tell) = (Arc::clone(&self.queue), self.tell.clone());
        spawn_blocking(move || {
            while let Some(mut walk) = next {
                let walked = Branch::walk(&mut walk.watches, walk.kind, &walk.path);
                let mut queue = lock(&queue);
                queue.begun.remove(&walk.number);
                // Before it is told: whoever hears of one knows since when the next is at work.
                next = queue.next();
                drop(queue);
                if tell.blocking_send((walk.number, walked)).is_err() {
                    return;
                }
            }
        });
    }

    /// The next walk that is over. Only if there is one.
    pub(super) async fn next(&mut self) -> Option<(usize, Walked)> {
        let ended = self.told.recv().await?;
        self.open -= 1;
        Some(ended)
    }
}

impl Queue {
    fn next(&mut self) -> Option<Walk> {
        let next = self.waiting.pop_front();
        match &next {
            Some(walk) => drop(self.begun.insert(walk.number, Instant::now())),
            None => self.is_served = false,
        }
        next
    }
}

fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}
