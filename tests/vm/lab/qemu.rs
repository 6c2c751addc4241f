//! The QEMU process: started, watched, ended, and asked why.

use std::fs::{self, File};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tempfile::TempDir;

use super::image::Image;

/// File names in the working directory, which QEMU is told by themselves: its arguments are then the same for every guest.
pub const QMP_SOCKET: &str = "qmp.sock";
pub const AGENT_SOCKET: &str = "agent.sock";
pub const CONSOLE: &str = "console.log";
const MESSAGES: &str = "qemu.log";

pub struct Qemu {
    directory: TempDir,
    pid: Pid,
    ended: Arc<Ended>,
    watcher: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Ended {
    status: Mutex<Option<ExitStatus>>,
    changed: Condvar,
}

/// Both ends are ours first: QEMU connects to us, so there is nothing to poll for.
pub struct Connections {
    pub qmp: UnixStream,
    pub agent: UnixStream,
}

impl Qemu {
    /// In the network namespace, if one is given.
    pub fn start(
        image: &Image,
        arguments: &[String],
        network: Option<OwnedFd>,
    ) -> Result<(Self, Connections)> {
        let directory = tempfile::Builder::new().prefix("sriovd-vm-").tempdir()?;
        let qmp = UnixListener::bind(directory.path().join(QMP_SOCKET))?;
        let agent = UnixListener::bind(directory.path().join(AGENT_SOCKET))?;
        let command = command(image, arguments, directory.path())?;
        let ended = Arc::new(Ended::default());
        let (started, pid) = mpsc::channel();
        let watcher = thread::spawn({
            let (ended, directory) = (Arc::clone(&ended), directory.path().to_owned());
            move || watch(command, network, &started, &ended, &directory)
        });
        let pid = pid
            .recv()
            .context("QEMU's watcher is gone")?
            .context("cannot start QEMU")?;
        let qemu = Self {
            directory,
            pid: Pid::from_raw(pid).context("QEMU has no process id")?,
            ended,
            watcher: Some(watcher),
        };
        let (qmp, agent) = (qmp.accept()?.0, agent.accept()?.0);
        ensure!(
            !qemu.has_ended(),
            "QEMU did not start\n{}",
            qemu.diagnosis()
        );
        Ok((qemu, Connections { qmp, agent }))
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    fn has_ended(&self) -> bool {
        self.ended
            .status
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }

    /// What is left to say when something failed: QEMU's own words and the end of the guest's console.
    pub fn diagnosis(&self) -> String {
        // A closed socket is seen a moment before the process is reaped.
        let status = self
            .ended
            .status
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let (status, _) = self
            .ended
            .changed
            .wait_timeout_while(status, Duration::from_millis(300), |status| {
                status.is_none()
            })
            .unwrap_or_else(PoisonError::into_inner);
        let qemu = match *status {
            Some(status) => format!("QEMU ended ({status})"),
            None => "QEMU is running".to_owned(),
        };
        let messages = tail(&self.directory.path().join(MESSAGES), 10);
        let console = tail(&self.directory.path().join(CONSOLE), 25);
        format!("--- {qemu}; its messages:\n{messages}\n--- the guest's console:\n{console}\n---")
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        if !self.has_ended() {
            // Nothing in a guest is worth an orderly end. An error means that it ended by itself just now.
            let _ = kill_process(self.pid, Signal::KILL);
        }
        if let Some(watcher) = self.watcher.take() {
            let _ = watcher.join();
        }
    }
}

fn command(image: &Image, arguments: &[String], directory: &Path) -> Result<Command> {
    let tree = image.path("qemu/usr");
    let messages = File::create(directory.join(MESSAGES))?;
    // setpriv: a guest must not outlive its test, however that ends.
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL"])
        .arg(tree.join("lib64/ld-linux-x86-64.so.2"))
        .arg("--library-path")
        .arg(tree.join("lib/x86_64-linux-gnu"))
        .arg(tree.join("bin/qemu-system-x86_64"))
        .arg("-L")
        .arg(tree.join("share/qemu"))
        .arg("-L")
        .arg(tree.join("share/seabios"))
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(messages.try_clone()?)
        .stderr(messages);
    Ok(command)
}

/// Runs in a thread of its own, which has to live as long as QEMU: the death signal is bound to it.
fn watch(
    mut command: Command,
    network: Option<OwnedFd>,
    started: &mpsc::Sender<std::io::Result<i32>>,
    ended: &Ended,
    directory: &Path,
) {
    let entered = network.map_or(Ok(()), |network| {
        move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))
    });
    let child = match entered {
        Ok(()) => command.spawn(),
        Err(error) => Err(error.into()),
    };
    drop(command);
    let child: Option<Child> = match child {
        Ok(child) => {
            let _ = started.send(Ok(child.id().cast_signed()));
            Some(child)
        }
        Err(error) => {
            let _ = started.send(Err(error));
            None
        }
    };
    let Some(mut child) = child else { return };
    let status = child.wait().unwrap_or_default();
    *ended.status.lock().unwrap_or_else(PoisonError::into_inner) = Some(status);
    ended.changed.notify_all();
    // Whoever still waits for QEMU to connect gets an empty connection instead.
    let _ = UnixStream::connect(directory.join(QMP_SOCKET));
    let _ = UnixStream::connect(directory.join(AGENT_SOCKET));
}

fn tail(file: &Path, lines: usize) -> String {
    let text = fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
