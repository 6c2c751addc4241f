//! Where changes come from. A trigger only says "look again, here": decisions never depend on it.
#![warn(missing_docs)]

pub mod files;
pub mod hostname;
pub mod kernel;
pub mod link;
mod socket;
mod trigger;
pub mod udev;
pub mod uevent;

use anyhow::Context as _;
use std::convert::Infallible;
use tokio::sync::mpsc::Sender;
pub use trigger::{Cause, Neighbour, Scope, Trigger};

/// Everything that is listened to, from `subscribe` on.
pub struct Sources {
    kernel: kernel::Source,
    udev: udev::Source,
    links: link::Source,
    files: files::Source,
    hostname: hostname::Source,
}

impl Sources {
    /// `buffer`: how many bytes the kernel may keep for each socket.
    pub async fn subscribe(directories: files::Directories, buffer: usize) -> anyhow::Result<Self> {
        Ok(Self {
            kernel: kernel::Source::subscribe(buffer)?,
            udev: udev::Source::subscribe(buffer)?,
            links: link::Source::subscribe(buffer)?,
            files: files::Source::subscribe(directories).await?,
            hostname: hostname::Source::subscribe()?,
        })
    }

    /// Runs until one of them is broken. Not `Send`: libudev belongs to one thread.
    pub async fn run(
        self,
        triggers: Sender<Trigger>,
        neighbours: Sender<Neighbour>,
    ) -> anyhow::Result<Infallible> {
        let Self {
            kernel,
            udev,
            links,
            files,
            hostname,
        } = self;
        tokio::select! {
            ended = kernel.run(triggers.clone()) => ended.context("kernel events ended"),
            ended = udev.run(triggers.clone()) => ended.context("udev events ended"),
            ended = links.run(triggers.clone()) => ended.context("rtnetlink events ended"),
            ended = hostname.run(triggers.clone()) => ended.context("events of the host name ended"),
            ended = files.run(triggers, neighbours) => ended.context("inotify events ended"),
        }
    }
}

#[cfg(test)]
mod tests;
