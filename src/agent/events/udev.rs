//! Devices that come, go or change, as udev tells it after its rules ran: names are final then.

use super::Trigger;
use super::socket::{DropCounter, set_receive_buffer};
use super::uevent::{Origin, trigger};
use anyhow::Context as _;
use futures::StreamExt as _;
use std::convert::Infallible;
use tokio::sync::mpsc::Sender;
use tokio_udev::AsyncMonitorSocket;
use udev::{Event, MonitorBuilder};

/// Hears everything from `subscribe` on. Not `Send`: it belongs on a `LocalSet`.
pub struct UdevEvents {
    monitor: AsyncMonitorSocket,
    drops: DropCounter,
}

impl UdevEvents {
    /// Opens udev's monitor socket with a buffer of so many bytes.
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
    pub async fn run(self, triggers: Sender<Trigger>) -> anyhow::Result<Infallible> {
        let Self { mut monitor, drops } = self;
        let next = async || next(&mut monitor).await;
        drops.forward("udev", &triggers, next).await
    }
}

async fn next(monitor: &mut AsyncMonitorSocket) -> anyhow::Result<Option<Trigger>> {
    let event = monitor.next().await.context("the monitor ended")?;
    Ok(heard(&event.context("cannot receive")?))
}

fn heard(event: &Event) -> Option<Trigger> {
    trigger(
        Origin::Udev,
        event.action()?.to_str()?,
        event.devpath(),
        event.sysname(),
    )
}
