//! Devices that change, go or get a driver, as the kernel tells it: 0.2 s to 0.3 s before udev's rules are through, and
//! also where no udev runs.
//!
//! Without libudev, which makes a device of every event before it looks whether anybody wants it:
//! most of what a new NIC gives are events of its queues.

use super::socket::set_receive_buffer;
use super::uevent::Uevent;
use super::{Trigger, send};
use anyhow::Context as _;
use futures::FutureExt as _;
use netlink_sys::protocols::NETLINK_KOBJECT_UEVENT;
use netlink_sys::{AsyncSocket as _, AsyncSocketExt as _, SocketAddr, TokioSocket};
use rustix::io::Errno;
use std::convert::Infallible;
use std::io;
use tokio::sync::mpsc::Sender;

/// The multicast group for what the kernel says; udev talks in another.
const KERNEL: u32 = 1;

/// The kernel's own limit is 2 KiB (`UEVENT_BUFFER_SIZE`).
const LONGEST: usize = 8 << 10;

/// Hears everything from `subscribe` on.
pub struct Source {
    socket: TokioSocket,
    message: Vec<u8>,
}

impl Source {
    pub fn subscribe(receive_buffer: usize) -> anyhow::Result<Self> {
        let subscribe = || -> io::Result<TokioSocket> {
            let mut socket = TokioSocket::new(NETLINK_KOBJECT_UEVENT)?;
            set_receive_buffer(socket.socket_ref(), receive_buffer)?;
            socket.socket_mut().bind(&SocketAddr::new(0, KERNEL))?;
            Ok(socket)
        };
        Ok(Self {
            socket: subscribe().context("cannot listen to kernel events")?,
            message: Vec::with_capacity(LONGEST),
        })
    }

    /// Runs until something is broken.
    pub async fn run(mut self, triggers: Sender<Trigger>) -> anyhow::Result<Infallible> {
        let mut has_lost = false;
        loop {
            let received = match self.next().now_or_never() {
                Some(received) => received,
                None => {
                    // What came goes first.
                    if std::mem::take(&mut has_lost) {
                        send(&triggers, Trigger::overrun("kernel")).await?;
                    }
                    self.next().await
                }
            };
            match received {
                Ok(Some(trigger)) => send(&triggers, trigger).await?,
                Ok(None) => {}
                Err(error) if Errno::from_io_error(&error) == Some(Errno::NOBUFS) => {
                    has_lost = true;
                }
                Err(error) => return Err(error).context("cannot receive"),
            }
        }
    }

    async fn next(&mut self) -> io::Result<Option<Trigger>> {
        self.message.clear();
        let sender = self.socket.recv_from(&mut self.message).await?;
        // Other programs can write to the group too.
        let is_kernel = sender.port_number() == 0;
        let event = Uevent::parse(&self.message).filter(|_| is_kernel);
        Ok(event.and_then(|event| event.trigger()))
    }
}

#[cfg(test)]
mod tests;
