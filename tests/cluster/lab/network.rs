//! A network of its own for a cluster: ports are fixed there, any number of clusters run at once, and nobody else sees them.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::fd::{AsFd, BorrowedFd};
use std::panic;
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result, ensure};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// A network namespace with loopback only. It lasts as long as somebody is in it, or this is kept.
#[derive(Debug)]
pub struct Network(File);

impl Network {
    pub fn new() -> Result<Self> {
        let mut first = Command::new("unshare")
            .args(["--net", "sh", "-c"])
            .arg("ip link set lo up && echo up && read _")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot run unshare")?;
        let mut line = String::new();
        let stdout = first.stdout.take().context("no output")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let file = File::open(format!("/proc/{}/ns/net", first.id()));
        // Closes its input, upon which it ends.
        let status = first.wait()?;
        ensure!(
            line == "up\n",
            "no network namespace can be made ({status}): are the tests run as root?"
        );
        Ok(Self(file?))
    }

    /// Moves this thread into it, for good. What the thread starts is in it too.
    pub fn enter(&self) -> Result<()> {
        move_into_link_name_space(self.0.as_fd(), Some(LinkNameSpaceType::Network))
            .context("cannot enter the cluster's network")
    }

    /// Does some work inside.
    pub fn within<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let inside = || {
            self.enter()?;
            work()
        };
        thread::scope(|scope| scope.spawn(inside).join())
            .unwrap_or_else(|panicked| panic::resume_unwind(panicked))
    }
}

impl AsFd for Network {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
