//! Walks to directories: one after another on a thread of their own, as long as none takes too long.

use super::tree::Walked;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::spawn_blocking;
use tokio::time::Instant;

/// May wait for the file system.
type Walk = Box<dyn FnOnce() -> Walked + Send>;

pub(super) struct Walks {
    queue: Arc<Mutex<Queue>>,
    tell: Sender<(usize, Walked)>,
    told: Receiver<(usize, Walked)>,
    /// How many are asked for and not told of.
    open: usize,
}

#[derive(Default)]
struct Queue {
    /// Each with the number of its directory.
    waiting: VecDeque<(usize, Walk)>,
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

    pub(super) fn add(&mut self, number: usize, walk: impl FnOnce() -> Walked + Send + 'static) {
        self.open += 1;
        let mut queue = lock(&self.queue);
        queue.waiting.push_back((number, Box::new(walk)));
        let is_served = queue.is_served;
        drop(queue);
        if !is_served {
            self.serve();
        }
    }

    /// One takes too long, and so may others: those that wait do so for none any more.
    pub(super) fn overtake(&self) {
        while self.serve() {}
    }

    /// With a thread more; whether there was something to do for it.
    fn serve(&self) -> bool {
        let Some(first) = lock(&self.queue).next() else {
            return false;
        };
        let (queue, tell) = (Arc::clone(&self.queue), self.tell.clone());
        spawn_blocking(move || {
            let mut next = Some(first);
            while let Some((number, walk)) = next {
                let walked = walk();
                let mut queue = lock(&queue);
                queue.begun.remove(&number);
                // Before it is told: whoever hears of one knows since when the next is at work.
                next = queue.next();
                drop(queue);
                if tell.blocking_send((number, walked)).is_err() {
                    return;
                }
            }
        });
        true
    }

    /// The next walk that is over. Only if there is one.
    pub(super) async fn next(&mut self) -> Option<(usize, Walked)> {
        let ended = self.told.recv().await?;
        self.open -= 1;
        Some(ended)
    }
}

impl Queue {
    fn next(&mut self) -> Option<(usize, Walk)> {
        let next = self.waiting.pop_front();
        self.is_served = next.is_some();
        if let Some((number, _)) = &next {
            self.begun.insert(*number, Instant::now());
        }
        next
    }
}

fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::files::tree::Branch;
    use std::sync::mpsc;
    use std::time::Duration;
    use tokio::time::timeout;

    fn nothing() -> Walked {
        let (branch, error) = (Branch::default(), None);
        Walked { branch, error }
    }

    async fn numbers(walks: &mut Walks, count: usize) -> Vec<usize> {
        let mut numbers = Vec::new();
        for _ in 0..count {
            let next = timeout(Duration::from_secs(30), walks.next()).await;
            numbers.push(next.unwrap().unwrap().0);
        }
        numbers.sort_unstable();
        numbers
    }

    #[tokio::test]
    async fn those_that_wait_go_on_past_one_that_does_not_end() {
        let mut walks = Walks::new(6);
        let (release, released) = mpsc::channel::<()>();
        let (release_other, other) = mpsc::channel::<()>();
        walks.add(0, nothing);
        assert_eq!(numbers(&mut walks, 1).await, [0]);
        let hang = |until: mpsc::Receiver<()>| {
            move || {
                let _ = until.recv();
                nothing()
            }
        };
        walks.add(1, hang(released));
        walks.add(2, nothing);
        walks.add(3, hang(other));
        walks.add(4, nothing);
        assert!(walks.begun(1).is_some());
        assert_eq!([2, 3, 4].map(|it| walks.begun(it)), [None; 3]);

        walks.overtake();
        assert_eq!(numbers(&mut walks, 2).await, [2, 4]);
        assert!(walks.begun(3).is_some() && !walks.is_empty());
        walks.add(5, nothing);
        assert_eq!(numbers(&mut walks, 1).await, [5]);
        drop((release, release_other));
        assert_eq!(numbers(&mut walks, 2).await, [1, 3]);
        assert!(walks.is_empty());
        assert_eq!([1, 3].map(|it| walks.begun(it)), [None; 2]);
    }
}
