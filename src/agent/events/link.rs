//! Network interfaces that come, go or change, and addresses that go: rtnetlink's notifications.
//!
//! Read from the socket as fast as they are taken and no faster, with a decoder of our own that cannot
//! fail: what nobody takes waits in the kernel, which has room for so much, and counts what it drops.

mod notification;

use super::socket::{DropCounter, is_loss, set_receive_buffer};
use super::{Cause, Scope, Trigger};
use anyhow::Context as _;
use netlink_packet_core::NetlinkBuffer;
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{AsyncSocket as _, AsyncSocketExt as _, TokioSocket};
pub use notification::Notification;
use rtnetlink::MulticastGroup;
use std::convert::Infallible;
use std::io;
use tokio::sync::mpsc::Sender;

const GROUPS: [MulticastGroup; 3] = [
    MulticastGroup::Link,
    MulticastGroup::Ipv4Ifaddr,
    MulticastGroup::Ipv6Ifaddr,
];

/// No notification is longer: interfaces are told of without their VFs.
const LONGEST: usize = 32 << 10;

/// Hears everything from `subscribe` on.
pub struct LinkEvents {
    socket: TokioSocket,
    drops: DropCounter,
}

impl LinkEvents {
    /// Opens a route socket with a buffer of so many bytes and joins its groups.
    pub fn subscribe(receive_buffer: usize) -> anyhow::Result<Self> {
        let subscribe = || -> io::Result<Self> {
            let mut socket = TokioSocket::new(NETLINK_ROUTE)?;
            set_receive_buffer(socket.socket_ref(), receive_buffer)?;
            socket.socket_mut().bind_auto()?;
            for group in GROUPS {
                socket.socket_mut().add_membership(group as u32)?;
            }
            Ok(Self {
                drops: DropCounter::of(socket.socket_ref())?,
                socket,
            })
        };
        subscribe().context("cannot listen to rtnetlink")
    }

    /// Runs until something is broken.
    pub async fn run(self, triggers: Sender<Trigger>) -> anyhow::Result<Infallible> {
        let Self { socket, drops } = self;
        let mut message = Vec::with_capacity(LONGEST);
        let next = async || next(&socket, &mut message).await.context("cannot receive");
        drops.forward("rtnetlink", &triggers, next).await
    }
}

async fn next(socket: &TokioSocket, message: &mut Vec<u8>) -> io::Result<Option<Trigger>> {
    message.clear();
    match socket.recv_from(message).await {
        Ok(_) => Ok(heard(message)),
        // What was dropped is counted, too, and what came goes first.
        Err(error) if is_loss(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The kernel puts one notification into each datagram. One that is cut off says where to look for
/// all there is to know.
fn heard(message: &[u8]) -> Option<Trigger> {
    match NetlinkBuffer::new_checked(message) {
        Ok(message) => trigger(Notification::of(message.message_type(), message.payload())),
        Err(_) => Some(Trigger::overrun("rtnetlink")),
    }
}

fn trigger(notification: Notification) -> Option<Trigger> {
    match notification {
        Notification::Link(link) => Some(Trigger {
            scope: match link.function {
                Some(function) => Scope::Device(function),
                None => Scope::Interface(link.index),
            },
            cause: Cause::Link {
                interface: link.name,
            },
        }),
        Notification::AddressRemoved { interface } => Some(Trigger {
            scope: Scope::Interface(interface),
            cause: Cause::Address { interface },
        }),
        Notification::Irrelevant => None,
    }
}

#[cfg(test)]
mod tests;
