//! A script that runs in the guest, beside others.

use std::fmt::{self, Display};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use super::agent::Agent;
use super::wire::{Frame, Kind};

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
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
    pub(super) fn new(agent: Agent, number: u32, frames: Receiver<Frame>) -> Self {
        Self {
            agent,
            number,
            frames,
            stdout: Vec::new(),
            stderr: Vec::new(),
            status: None,
        }
    }

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

    /// Waits for one more line of standard output; none when the script has ended.
    pub fn next_line(&mut self, patience: Duration) -> Result<Option<String>> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(end) = self.stdout.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.stdout.drain(..=end).collect();
                return Ok(Some(String::from_utf8(line)?));
            }
            if self.status.is_some() {
                return Ok(None);
            }
            self.step(deadline)?;
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
            Kind::Ping => self.status = Some(0),
            Kind::Run | Kind::Input | Kind::Kill => {
                bail!("unexpected frame {frame:?}")
            }
        }
        Ok(())
    }

    fn receive(&self, deadline: Instant) -> Result<Frame> {
        let left = deadline.saturating_duration_since(Instant::now());
        self.frames.recv_timeout(left).map_err(|error| match error {
            RecvTimeoutError::Timeout => anyhow!("out of time"),
            RecvTimeoutError::Disconnected => anyhow!("the guest's command channel closed"),
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
        self.agent.forget(self.number);
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
