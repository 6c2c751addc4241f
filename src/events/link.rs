//! Network interfaces that come, go or change, and addresses that go: rtnetlink's notifications.
//!
//! Read with a decoder of our own that cannot fail: netlink-proto drops what a decoder refuses, and
//! a lost notification must never be silent.

mod notification;

use super::socket::set_receive_buffer;
use super::{Cause, Scope, Trigger, send};
use anyhow::{Context as _, bail};
use futures::StreamExt as _;
use futures::channel::mpsc::UnboundedReceiver;
use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
use netlink_sys::{AsyncSocket as _, SocketAddr, protocols::NETLINK_ROUTE};
pub use notification::Notification;
use rtnetlink::MulticastGroup;
use rtnetlink::proto::{Connection, new_connection};
use std::convert::Infallible;
use std::io;
use tokio::sync::mpsc::Sender;

const GROUPS: [MulticastGroup; 3] = [
    MulticastGroup::Link,
    MulticastGroup::Ipv4Ifaddr,
    MulticastGroup::Ipv6Ifaddr,
];

/// Hears everything from `subscribe` on.
pub struct Source {
    connection: Connection<Notification>,
    messages: UnboundedReceiver<(NetlinkMessage<Notification>, SocketAddr)>,
}

impl Source {
    pub fn subscribe(receive_buffer: usize) -> anyhow::Result<Self> {
        let subscribe = || -> io::Result<Self> {
            let (mut connection, _, messages) = new_connection(NETLINK_ROUTE)?;
            let socket = connection.socket_mut().socket_mut();
            set_receive_buffer(&*socket, receive_buffer)?;
            socket.bind_auto()?;
            for group in GROUPS {
                socket.add_membership(group as u32)?;
            }
            Ok(Self {
                connection,
                messages,
            })
        };
        subscribe().context("cannot listen to rtnetlink")
    }

    /// Runs until something is broken.
    pub async fn run(self, triggers: Sender<Trigger>) -> anyhow::Result<Infallible> {
        let Self {
            connection,
            mut messages,
        } = self;
        let forward = async {
            while let Some((message, _)) = messages.next().await {
                if let Some(trigger) = trigger(message.payload) {
                    send(&triggers, trigger).await?;
                }
            }
            bail!("the rtnetlink connection ended")
        };
        tokio::select! {
            () = connection => bail!("cannot receive from rtnetlink"),
            ended = forward => ended,
        }
    }
}

fn trigger(payload: NetlinkPayload<Notification>) -> Option<Trigger> {
    match payload {
        NetlinkPayload::Overrun(_) => Some(Trigger::overrun("rtnetlink")),
        NetlinkPayload::InnerMessage(Notification::Link(link)) => Some(Trigger {
            scope: match link.function {
                Some(function) => Scope::Device(function),
                None => Scope::Interface(link.index),
            },
            cause: Cause::Link {
                interface: link.name,
            },
        }),
        NetlinkPayload::InnerMessage(Notification::AddressRemoved { interface }) => Some(Trigger {
            scope: Scope::Interface(interface),
            cause: Cause::Address { interface },
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
