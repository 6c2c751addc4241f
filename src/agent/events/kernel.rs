//! Devices that change, go or get a driver, as the kernel tells it: 0.2 s to 0.3 s before udev's rules are through, and
//! also where no udev runs.
//!
//! Without libudev, which makes a device of every event before it looks whether anybody wants it.

use super::Trigger;
use super::socket::{DropCounter, is_loss, set_receive_buffer};
use super::uevent::Uevent;
use anyhow::Context as _;
use netlink_sys::protocols::NETLINK_KOBJECT_UEVENT;
use netlink_sys::{AsyncSocket as _, AsyncSocketExt as _, SocketAddr, TokioSocket};
use socket2::{SockFilter, SockRef};
use std::convert::Infallible;
use std::io;
use tokio::sync::mpsc::Sender;

/// The multicast group for what the kernel says; udev talks in another.
const KERNEL: u32 = 1;

/// The kernel's own limit is 2 KiB (`UEVENT_BUFFER_SIZE`).
const LONGEST: usize = 8 << 10;

/// Hears everything from `subscribe` on.
pub struct KernelEvents {
    socket: TokioSocket,
    drops: DropCounter,
}

impl KernelEvents {
    /// Opens the uevent socket of the kernel with a buffer of so many bytes.
    pub fn subscribe(receive_buffer: usize) -> anyhow::Result<Self> {
        let subscribe = || -> io::Result<Self> {
            let mut socket = TokioSocket::new(NETLINK_KOBJECT_UEVENT)?;
            set_receive_buffer(socket.socket_ref(), receive_buffer)?;
            SockRef::from(socket.socket_ref()).attach_filter(&all_but_additions_of_devices())?;
            socket.socket_mut().bind(&SocketAddr::new(0, KERNEL))?;
            Ok(Self {
                drops: DropCounter::of(socket.socket_ref())?,
                socket,
            })
        };
        subscribe().context("cannot listen to kernel events")
    }

    /// Runs until something is broken.
    pub async fn run(self, triggers: Sender<Trigger>) -> anyhow::Result<Infallible> {
        let Self { socket, drops } = self;
        let mut message = Vec::with_capacity(LONGEST);
        let next = async || next(&socket, &mut message).await.context("cannot receive");
        drops.forward("kernel", &triggers, next).await
    }
}

/// Most of what a new NIC gives are additions of its queues, and no addition is worth a look (see
/// `trigger`) but that of a driver (`add@/bus/…`): the kernel does not even wake us for them.
/// Classic BPF, `linux/filter.h`.
fn all_but_additions_of_devices() -> [SockFilter; 6] {
    const LOAD_WORD: u16 = 0x20;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    [
        SockFilter::new(LOAD_WORD, 0, 0, 0),
        SockFilter::new(JUMP_IF_EQUAL, 0, 3, u32::from_be_bytes(*b"add@")),
        SockFilter::new(LOAD_WORD, 0, 0, 4),
        SockFilter::new(JUMP_IF_EQUAL, 1, 0, u32::from_be_bytes(*b"/bus")),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ]
}

async fn next(socket: &TokioSocket, message: &mut Vec<u8>) -> io::Result<Option<Trigger>> {
    message.clear();
    let sender = match socket.recv_from(message).await {
        Ok(sender) => sender,
        // What was dropped is counted, too, and what came goes first.
        Err(error) if is_loss(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    // Other programs can write to the group too.
    let is_kernel = sender.port_number() == 0;
    let event = Uevent::parse(message).filter(|_| is_kernel);
    Ok(event.and_then(|event| event.trigger()))
}

#[cfg(test)]
mod tests;
