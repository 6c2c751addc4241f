//! Where changes come from. A trigger only says "look again, here": decisions never depend on it.
#![warn(missing_docs)]

pub mod bridges;
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
pub struct EventSources {
    kernel: kernel::KernelEvents,
    udev: udev::UdevEvents,
    links: link::LinkEvents,
    files: files::FileEvents,
    hostname: hostname::HostNameEvents,
    bridges: bridges::BridgeEvents,
}

impl EventSources {
    /// `buffer`: how many bytes the kernel may keep for each socket.
    pub async fn subscribe(
        directories: files::Directories,
        bridges: bridges::BridgeEvents,
        buffer: usize,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            kernel: kernel::KernelEvents::subscribe(buffer)?,
            udev: udev::UdevEvents::subscribe(buffer)?,
            links: link::LinkEvents::subscribe(buffer)?,
            files: files::FileEvents::subscribe(directories).await?,
            hostname: hostname::HostNameEvents::subscribe()?,
            bridges,
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
            bridges,
        } = self;
        tokio::select! {
            ended = kernel.run(triggers.clone()) => ended.context("kernel events ended"),
            ended = udev.run(triggers.clone()) => ended.context("udev events ended"),
            ended = links.run(triggers.clone()) => ended.context("rtnetlink events ended"),
            ended = bridges.run(triggers.clone()) => ended.context("events of Open vSwitch ended"),
            ended = hostname.run(triggers.clone()) => ended.context("events of the host name ended"),
            ended = files.run(triggers, neighbours) => ended.context("inotify events ended"),
        }
    }
}

#[cfg(test)]
mod tests;
