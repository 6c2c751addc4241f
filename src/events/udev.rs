//! Devices that come, go, change or get a driver: udev's events, and the kernel's before udev's rules ran.
//!
//! udev's own events say that names are final, the kernel's are 0.2 s to 0.3 s earlier and come
//! even where no udev runs.

use super::socket::{DropCounter, set_receive_buffer};
use super::{Cause, Scope, Trigger, send};
use anyhow::Context as _;
use futures::{FutureExt as _, StreamExt as _};
use std::convert::Infallible;
use tokio::sync::mpsc::Sender;
use tokio::task::yield_now;
use tokio_udev::{AsyncMonitorSocket, Event, MonitorBuilder};

/// Who sends the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// After udev's rules ran. Silent where `/run/udev/control` is missing.
    Udev,
    Kernel,
}

impl Origin {
    pub fn name(self) -> &'static str {
        match self {
            Self::Udev => "udev",
            Self::Kernel => "kernel",
        }
    }
}

/// Hears everything from `subscribe` on. Not `Send`: it belongs on a `LocalSet`.
pub struct Source {
    origin: Origin,
    monitor: AsyncMonitorSocket,
    drops: DropCounter,
}

impl Source {
    pub fn subscribe(origin: Origin, receive_buffer: usize) -> anyhow::Result<Self> {
        let subscribe = || {
            let builder = match origin {
                // A net device's final name is what udev adds; rtnetlink tells the rest.
                Origin::Udev => MonitorBuilder::new()?.match_subsystem("net")?,
                Origin::Kernel => MonitorBuilder::new_kernel()?,
            };
            let socket = builder.match_subsystem("pci")?.listen()?;
            set_receive_buffer(&socket, receive_buffer)?;
            let drops = DropCounter::of(&socket)?;
            AsyncMonitorSocket::new(socket).map(|monitor| (monitor, drops))
        };
        let (monitor, drops) =
            subscribe().with_context(|| format!("cannot listen to {} events", origin.name()))?;
        Ok(Self {
            origin,
            monitor,
            drops,
        })
    }

    /// Runs until something is broken.
    pub async fn run(mut self, triggers: Sender<Trigger>) -> anyhow::Result<Infallible> {
        loop {
            let mut event = Some(self.next().await?);
            while let Some(received) = event {
                if let Some(trigger) = self.trigger(&received) {
                    send(&triggers, trigger).await?;
                }
                event = self.next().now_or_never().transpose()?;
            }
            // What came goes first.
            yield_now().await;
            // An empty socket takes any message, so a drop always leaves something to read
            // before it: looking after each burst misses none.
            if self.drops.has_risen()? {
                send(&triggers, Trigger::overrun(self.origin.name())).await?;
            }
        }
    }

    async fn next(&mut self) -> anyhow::Result<Event> {
        let event = self.monitor.next().await;
        let event = event.context("the monitor ended")?;
        event.context("cannot receive")
    }

    fn trigger(&self, event: &Event) -> Option<Trigger> {
        trigger(
            self.origin,
            event.action()?.to_str()?,
            event.devpath().to_str()?,
            event.sysname().to_str()?,
        )
    }
}

/// What an event says to look at. `None` for devices that do not stand on a PCI function.
pub fn trigger(origin: Origin, action: &str, devpath: &str, name: &str) -> Option<Trigger> {
    // Before its driver is there nothing can be done with a PF: the kernel says "bind" then, and
    // rtnetlink its interface. Where no driver comes, udev's own "add" is in time to say so.
    if (origin, action) == (Origin::Kernel, "add") {
        return None;
    }
    let function = devpath.rsplit('/').find_map(|part| part.parse().ok())?;
    Some(Trigger {
        scope: Scope::Device(function),
        cause: Cause::Udev {
            action: action.to_owned(),
            device: name.to_owned(),
            from_kernel: origin == Origin::Kernel,
        },
    })
}

#[cfg(test)]
mod tests;
