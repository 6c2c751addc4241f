//! The host's end of the guest agent: jobs that run side by side.

use std::collections::HashMap;
use std::fmt::{self, Display};
use std::io::BufReader;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

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

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
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
        let mut job = self.open(Kind::Ping, b"")?;
        let answer = job
            .receive(Instant::now() + patience)
            .context("the guest's agent")?;
        ensure!(answer.kind == Kind::Ping, "unexpected answer: {answer:?}");
        job.status = Some(0);
        Ok(())
    }

    /// Starts a script; `input` is all it gets to read.
    pub fn start(&self, script: &str, input: &[u8]) -> Result<Job> {
        let job = self.open(Kind::Run, script.as_bytes())?;
        for chunk in input.chunks(CHUNK) {
            self.send(Kind::Input, job.number, chunk)?;
        }
        self.send(Kind::Input, job.number, b"")?;
        Ok(job)
    }

    fn open(&self, kind: Kind, body: &[u8]) -> Result<Job> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, frames) = mpsc::channel();
        lock(&self.jobs).insert(number, sender);
        let job = Job {
            agent: self.clone(),
            number,
            frames,
            stdout: Vec::new(),
            stderr: Vec::new(),
            status: None,
        };
        self.send(kind, number, body)?;
        Ok(job)
    }

    fn send(&self, kind: Kind, job: u32, body: &[u8]) -> Result<()> {
        Frame::new(kind, job, body)
            .write_to(&mut *lock(&self.writer))
            .context("cannot reach the guest's agent")
    }
}

/// A script that runs in the guest. Killed when dropped.
pub struct Job {
    agent: Agent,
    number: u32,
    frames: Receiver<Frame>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    status: Option<i32>,
}

impl Job {
    /// Waits for the end.
    pub fn wait(mut self, patience: Duration) -> Result<Output> {
        self.finish(patience)?;
        Ok(self.output())
    }

    /// Waits for the end; standard output as it came.
    pub fn wait_for_bytes(mut self, patience: Duration) -> Result<(Output, Vec<u8>)> {
        self.finish(patience)?;
        let output = self.output();
        Ok((output, std::mem::take(&mut self.stdout)))
    }

    /// Waits until standard output contains a text, and returns all of it so far.
    pub fn wait_for(&mut self, text: &str, patience: Duration) -> Result<String> {
        let deadline = Instant::now() + patience;
        loop {
            let output = String::from_utf8_lossy(&self.stdout);
            if output.contains(text) {
                return Ok(output.into_owned());
            }
            if self.status.is_some() {
                bail!("the job ended without saying {text:?}: {}", self.output());
            }
            self.step(deadline)
                .with_context(|| format!("waiting for {text:?}"))?;
        }
    }

    /// Ends the script and what it started.
    pub fn kill(self) {}

    fn finish(&mut self, patience: Duration) -> Result<()> {
        let deadline = Instant::now() + patience;
        while self.status.is_none() {
            self.step(deadline)?;
        }
        Ok(())
    }

    fn step(&mut self, deadline: Instant) -> Result<()> {
        let frame = match self.receive(deadline) {
            Ok(frame) => frame,
            Err(error) => bail!("{error}; so far: {}", self.output()),
        };
        match frame.kind {
            Kind::Stdout => self.stdout.extend(frame.body),
            Kind::Stderr => self.stderr.extend(frame.body),
            Kind::Exit => self.status = Some(std::str::from_utf8(&frame.body)?.parse()?),
            Kind::Ping | Kind::Run | Kind::Input | Kind::Kill => {
                bail!("unexpected frame {frame:?}")
            }
        }
        Ok(())
    }

    fn receive(&self, deadline: Instant) -> Result<Frame> {
        let left = deadline.saturating_duration_since(Instant::now());
        self.frames.recv_timeout(left).map_err(|error| match error {
            RecvTimeoutError::Timeout => anyhow::anyhow!("out of time"),
            RecvTimeoutError::Disconnected => anyhow::anyhow!("the guest's command channel closed"),
        })
    }

    fn output(&self) -> Output {
        Output {
            status: self.status.unwrap_or(-1),
            stdout: String::from_utf8_lossy(&self.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&self.stderr).into_owned(),
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        lock(&self.agent.jobs).remove(&self.number);
        if self.status.is_none() {
            let _ = self.agent.send(Kind::Kill, self.number, b"");
        }
    }
}

impl Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            status,
            stdout,
            stderr,
        } = self;
        write!(f, "status {status}\n[stdout]\n{stdout}\n[stderr]\n{stderr}")
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
