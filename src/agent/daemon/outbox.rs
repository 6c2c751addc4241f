//! A queue to a socket that may stand still: whoever puts something in never waits. A thread empties it, and ends when
//! there has been nothing to do for a while.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Beyond it what is put in is lost, and counted.
const ROOM: usize = 1024;

/// A thread that has nothing to do waits so long for more.
const IDLE: Duration = Duration::from_secs(1);

pub(super) struct Outbox<T>(Arc<Inner<T>>);

struct Inner<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    /// May block. With how many were lost since the last one.
    deliver: Box<dyn Fn(T, usize) + Send + Sync>,
}

struct State<T> {
    queue: VecDeque<T>,
    lost: usize,
    has_thread: bool,
    is_delivering: bool,
}

impl<T: Send + 'static> Outbox<T> {
    pub(super) fn new(deliver: impl Fn(T, usize) + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner {
            state: Mutex::new(State {
                queue: VecDeque::new(),
                lost: 0,
                has_thread: false,
                is_delivering: false,
            }),
            changed: Condvar::new(),
            deliver: Box::new(deliver),
        }))
    }

    pub(super) fn put(&self, item: T) {
        self.replace(item, |_| false);
    }

    /// In place of what still waits and is overtaken by it.
    pub(super) fn replace(&self, item: T, is_overtaken: impl Fn(&T) -> bool) {
        let mut state = self.0.lock();
        state.queue.retain(|waiting| !is_overtaken(waiting));
        if state.queue.len() >= ROOM {
            state.lost += 1;
            return;
        }
        state.queue.push_back(item);
        if !state.has_thread {
            let inner = Arc::clone(&self.0);
            // Without room for a thread the next one to be put in tries again.
            state.has_thread = thread::Builder::new()
                .name("outbox".to_owned())
                .spawn(move || inner.empty())
                .is_ok();
        }
        self.0.changed.notify_all();
    }

    /// Waits until all is delivered, but no longer than this.
    pub(super) fn flush(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        let mut state = self.0.lock();
        while state.has_thread && (state.is_delivering || !state.queue.is_empty()) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.0.wait(state, left);
        }
    }
}

impl<T> Inner<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(
        &self,
        state: MutexGuard<'a, State<T>>,
        at_most: Duration,
    ) -> MutexGuard<'a, State<T>> {
        let waited = self.changed.wait_timeout(state, at_most);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn empty(&self) {
        let mut state = self.lock();
        loop {
            let idle_until = Instant::now() + IDLE;
            while state.queue.is_empty() {
                let left = idle_until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    state.has_thread = false;
                    return;
                }
                state = self.wait(state, left);
            }
            let Some(item) = state.queue.pop_front() else {
                continue;
            };
            let lost = std::mem::take(&mut state.lost);
            state.is_delivering = true;
            drop(state);
            (self.deliver)(item, lost);
            state = self.lock();
            state.is_delivering = false;
            self.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn what_finds_no_room_is_counted_and_nobody_waits() {
        let (release, held) = channel();
        let (told, heard) = channel();
        let held = Mutex::new(held);
        let outbox = Outbox::new(move |item: usize, lost| {
            if item == 0 {
                held.lock().unwrap().recv().unwrap();
            }
            told.send((item, lost)).unwrap();
        });
        outbox.put(0);
        while !outbox.0.lock().is_delivering {
            thread::yield_now();
        }
        let begun = Instant::now();
        (1..=ROOM + 5).for_each(|item| outbox.put(item));
        outbox.flush(Duration::from_millis(10));
        assert!(begun.elapsed() < Duration::from_secs(5));
        release.send(()).unwrap();
        assert_eq!(heard.recv().unwrap(), (0, 0));
        assert_eq!(heard.recv().unwrap(), (1, 5));
        outbox.flush(Duration::from_secs(30));
        let rest: Vec<_> = heard.try_iter().collect();
        assert_eq!(rest.len(), ROOM - 1);
        assert_eq!(rest.last(), Some(&(ROOM, 0)));
    }

    #[test]
    fn its_thread_ends_and_begins_again() {
        let (told, heard) = channel();
        let outbox = Outbox::new(move |item: usize, _| told.send(item).unwrap());
        for item in [1, 2] {
            outbox.put(item);
            assert_eq!(heard.recv().unwrap(), item);
            let begun = Instant::now();
            while outbox.0.lock().has_thread {
                assert!(begun.elapsed() < Duration::from_secs(30));
                thread::sleep(Duration::from_millis(10));
            }
        }
    }

    #[test]
    fn what_is_overtaken_is_not_delivered() {
        let (release, held) = channel::<()>();
        let (told, heard) = channel();
        let held = Mutex::new(held);
        let outbox = Outbox::new(move |item: &str, _| {
            let _ = held.lock().unwrap().recv();
            told.send(item).unwrap();
        });
        outbox.put("ready");
        while !outbox.0.lock().is_delivering {
            thread::yield_now();
        }
        for status in ["status 1", "ready", "status 2"] {
            outbox.replace(status, |waiting| {
                waiting.starts_with("status") && status.starts_with("status")
            });
        }
        drop(release);
        outbox.flush(Duration::from_secs(30));
        let all: Vec<_> = heard.try_iter().collect();
        assert_eq!(all, ["ready", "ready", "status 2"]);
    }
}
