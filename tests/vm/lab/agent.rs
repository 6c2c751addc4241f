//! The host's end of the guest agent.

use std::collections::HashMap;
use std::io::BufReader;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use super::job::Job;
use super::wire::{Frame, Kind};

/// What fits the port's buffers well.
const CHUNK: usize = 1 << 15;

#[derive(Clone)]
pub struct Agent {
    writer: Arc<Mutex<UnixStream>>,
    /// Who listens for the frames of which job. Nobody, once the connection is gone.
    jobs: Arc<Mutex<HashMap<u32, Sender<Frame>>>>,
    next: Arc<AtomicU32>,
}

impl Agent {
    pub fn new(stream: UnixStream) -> Result<Self> {
        let jobs: Arc<Mutex<HashMap<u32, Sender<Frame>>>> = Arc::default();
        let mut reader = BufReader::with_capacity(CHUNK, stream.try_clone()?);
        thread::spawn({
            let jobs = Arc::clone(&jobs);
            move || {
                while let Ok(frame) = Frame::read_from(&mut reader) {
                    if let Some(job) = lock(&jobs).get(&frame.job) {
                        let _ = job.send(frame);
                    }
                }
                lock(&jobs).clear();
            }
        });
        Ok(Self {
            writer: Arc::new(Mutex::new(stream)),
            jobs,
            next: Arc::default(),
        })
    }

    /// Returns when the guest's end is up. QEMU keeps the question until then, so one is enough.
    pub fn wait_until_up(&self, patience: Duration) -> Result<()> {
        let (_, job) = self.open(Kind::Ping, b"")?;
        job.wait(patience).context("the guest's agent")?;
        Ok(())
    }

    /// Starts a script; `input` is all it gets to read.
    pub fn start(&self, script: &str, input: &[u8]) -> Result<Job> {
        let (number, job) = self.open(Kind::Run, script.as_bytes())?;
        for chunk in input.chunks(CHUNK) {
            self.send(Kind::Input, number, chunk)?;
        }
        self.send(Kind::Input, number, b"")?;
        Ok(job)
    }

    /// The job's frames go nowhere from now on.
    pub(super) fn forget(&self, job: u32) {
        lock(&self.jobs).remove(&job);
    }

    fn open(&self, kind: Kind, body: &[u8]) -> Result<(u32, Job)> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, frames) = mpsc::channel();
        lock(&self.jobs).insert(number, sender);
        let job = Job::new(self.clone(), number, frames);
        self.send(kind, number, body)?;
        Ok((number, job))
    }

    pub(super) fn send(&self, kind: Kind, job: u32, body: &[u8]) -> Result<()> {
        Frame::new(kind, job, body)
            .write_to(&mut *lock(&self.writer))
            .context("cannot reach the guest's agent")
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
