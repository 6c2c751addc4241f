//! Starts programs in a network, and sees to it that none of them outlives the test, however that ends.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::network::Network;

type Order = (Command, mpsc::Sender<io::Result<Child>>);

/// A thread in the network, which starts programs there. They get KILL when it ends: a death signal is bound to the thread.
pub struct Keeper {
    orders: Option<mpsc::Sender<Order>>,
    thread: Option<JoinHandle<()>>,
    logs: PathBuf,
}

impl Keeper {
    pub fn new(network: &Arc<Network>, logs: &Path) -> Self {
        let (orders, ordered) = mpsc::channel::<Order>();
        let network = Arc::clone(network);
        let start = move || {
            let entered = network.enter().map_err(|error| format!("{error:#}"));
            for (mut command, child) in ordered {
                let spawned = match &entered {
                    Ok(()) => command.spawn(),
                    Err(error) => Err(io::Error::other(error.clone())),
                };
                let _ = child.send(spawned);
            }
        };
        Self {
            orders: Some(orders),
            thread: Some(thread::spawn(start)),
            logs: logs.to_owned(),
        }
    }

    /// What the program says goes to a file that is named after it.
    pub fn start<Argument: AsRef<std::ffi::OsStr>>(
        &self,
        name: &str,
        program: &Path,
        arguments: &[Argument],
    ) -> Result<Program> {
        let log = self.logs.join(format!("{name}.log"));
        let says = File::options().create(true).append(true).open(&log)?;
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL"])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(says.try_clone()?)
            .stderr(says);
        let (child, started) = mpsc::channel();
        let orders = self.orders.as_ref().context("the cluster has ended")?;
        orders.send((command, child)).context("nobody starts it")?;
        let child = started.recv().context("nobody started it")?;
        Ok(Program {
            name: name.to_owned(),
            child: child.with_context(|| format!("cannot start {name}"))?,
            log,
        })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A running program; it gets KILL when this is dropped.
pub struct Program {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Program {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All that it has said so far.
    pub fn log(&self) -> Result<String> {
        let bytes = fs::read(&self.log)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// An error with its last words if it has ended.
    pub fn is_alive(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            let log = self.log()?;
            let lines: Vec<&str> = log.lines().collect();
            let last = lines[lines.len().saturating_sub(15)..].join("\n");
            bail!("{} ended ({status}):\n{last}", self.name);
        }
        Ok(())
    }

    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(self.pid().cast_signed()).context("no process id")?;
        kill_process(pid, signal).with_context(|| self.name.clone())
    }

    /// Asks it to end, and waits for that.
    pub fn end(mut self, patience: Duration) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            ensure!(
                Instant::now() < deadline,
                "{} did not end in {patience:?}",
                self.name
            );
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // An error means that it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
