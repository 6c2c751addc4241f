//! The host's name, which may come or change while we run: policies may ask for it.

use super::trigger::send;
use super::{Cause, Scope, Trigger};
use anyhow::Context as _;
use std::convert::Infallible;
use std::fs::File;
use std::io::ErrorKind;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc::Sender;

/// The kernel wakes those who poll it when the name changes (`proc_sys_poll`, fs/proc/proc_sysctl.c).
const NAME: &str = "/proc/sys/kernel/hostname";

/// Hears every change from `subscribe` on.
pub struct HostNameEvents {
    /// `None` where /proc does not show it: the name is that of the start then.
    name: Option<AsyncFd<File>>,
}

impl HostNameEvents {
    /// Starts to listen. A `/proc` that hides the name is no error.
    pub fn subscribe() -> anyhow::Result<Self> {
        #[expect(
            deprecated,
            reason = "its successor is unsafe; a `File` keeps its descriptor"
        )]
        let listen = || match File::open(NAME) {
            Ok(file) => AsyncFd::with_interest(file, Interest::PRIORITY).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        };
        let name = listen().with_context(|| format!("cannot listen to {NAME}"))?;
        Ok(Self { name })
    }

    /// Runs until something is broken.
    pub async fn run(self, triggers: Sender<Trigger>) -> anyhow::Result<Infallible> {
        let Some(name) = &self.name else {
            return std::future::pending().await;
        };
        loop {
            let mut changed = name.ready(Interest::PRIORITY).await?;
            // Before the name is read: what changes afterwards is another event.
            changed.clear_ready();
            let (scope, cause) = (Scope::Node, Cause::HostName);
            send(&triggers, Trigger { scope, cause }).await?;
        }
    }
}
