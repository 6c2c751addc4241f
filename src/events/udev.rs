//! Devices that come, go or change, as udev tells it after its rules ran: names are final then.

use super::socket::{CALM, DropCounter, set_receive_buffer};
use super::uevent::{Origin, trigger};
use super::{Trigger, send};
use anyhow::Context as _;
use futures::StreamExt as _;
use std::convert::Infallible;
use tokio::sync::mpsc::Sender;
use tokio::time::{Instant, timeout_at};
use tokio_udev::{AsyncMonitorSocket, Event, MonitorBuilder};

/// Hears everything from `subscribe` on. Not `Send`: it belongs on a `LocalSet`.
pub struct Source {
    monitor: AsyncMonitorSocket,
    drops: DropCounter,
}

impl Source {
    pub fn subscribe(receive_buffer: usize) -> anyhow::Result<Self> {
        let subscribe = || {
            // A net device's final name is what udev adds; rtnetlink tells the rest.
            let builder = MonitorBuilder::new()?.match_subsystem("net")?;
            let socket = builder.match_subsystem("pci")?.listen()?;
            set_receive_buffer(&socket, receive_buffer)?;
            let drops = DropCounter::of(&socket)?;
            AsyncMonitorSocket::new(socket).map(|monitor| Self { monitor, drops })
        };
        subscribe().context("cannot listen to udev events")
    }

    /// Runs until something is broken.
    pub async fn run(mut self, triggers: Sender<Trigger>) -> anyhow::Result<Infallible> {
        loop {
            let event = self.next().await?;
            let calm = Instant::now() + CALM;
            forward(&event, &triggers).await?;
            while let Ok(event) = timeout_at(calm, self.next()).await {
                forward(&event?, &triggers).await?;
            }
            // An empty socket takes any message, so a drop always leaves something to read
            // before it: looking after each burst misses none.
            if self.drops.has_risen()? {
                send(&triggers, Trigger::overrun("udev")).await?;
            }
        }
    }

    async fn next(&mut self) -> anyhow::Result<Event> {
        let event = self.monitor.next().await;
        let event = event.context("the monitor ended")?;
        event.context("cannot receive")
    }
}

async fn forward(event: &Event, triggers: &Sender<Trigger>) -> anyhow::Result<()> {
    let trigger = || {
        trigger(
            Origin::Udev,
            event.action()?.to_str()?,
            event.devpath().to_str()?,
            event.sysname().to_str()?,
        )
    };
    match trigger() {
        Some(trigger) => send(triggers, trigger).await,
        None => Ok(()),
    }
}
