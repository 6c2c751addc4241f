//! Requests to rtnetlink, in the network namespace of the caller: send one, wait for its answer.
//!
//! The kernel does what is asked of it inside `send`: that is where a slow driver takes its time.

mod address;
mod attributes;
mod change;
mod discipline;
mod link;
mod namespace;
mod rdma;
mod route;
mod statistics;
mod vf;

use super::HostError;
pub use address::InterfaceAddress;
use attributes::{align, attributes, u32_at};
pub use change::{Hop, Route};
pub use discipline::QueueDiscipline;
pub use link::Link;
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_ACK_TLVS, NLM_F_CAPPED, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST,
    NetlinkBuffer, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkExtentMask, LinkFlags, LinkMessage};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
pub use rdma::user_contexts as rdma_user_contexts;
use rustix::net::RecvFlags;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use sriovd_core::model::{Errno, Mtu, VfIndex, VfSetting};
use std::cell::Cell;
use std::io;
use std::time::Duration;

const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How often a dump is asked for again because something changed while it ran.
const DUMPS: usize = 5;

const NLMSG_NOOP: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLMSGERR_ATTR_MSG: u16 = 1;

/// An answer that does not have the documented form; says what could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cannot read {0}")]
pub struct Malformed(&'static str);

/// Why a netlink exchange failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetlinkError {
    /// The kernel refused the request, or the socket failed.
    #[error("{errno}{}", detail.as_ref().map(|d| format!(" ({d})")).unwrap_or_default())]
    Kernel {
        /// The error number of the answer.
        errno: Errno,
        /// The kernel's own words (extended acknowledgement).
        detail: Option<String>,
    },
    /// The answer does not have the documented form.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

impl NetlinkError {
    /// The same as an error of the host; `what` names the object and what was done with it.
    pub fn while_doing(self, what: String) -> HostError {
        match self {
            Self::Kernel {
                errno: errno @ (Errno::MFILE | Errno::NFILE),
                ..
            } => HostError::NoDescriptor { errno },
            Self::Kernel { errno, detail } => HostError::Kernel {
                what,
                errno,
                detail,
            },
            Self::Malformed(malformed) => HostError::Unreadable {
                what,
                found: malformed.to_string(),
            },
        }
    }

    /// The kernel's error number, where it gave one.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Kernel { errno, .. } => Some(*errno),
            Self::Malformed(_) => None,
        }
    }
}

impl From<Errno> for NetlinkError {
    fn from(errno: Errno) -> Self {
        Self::Kernel {
            errno,
            detail: None,
        }
    }
}

impl From<io::Error> for NetlinkError {
    fn from(error: io::Error) -> Self {
        Errno::from(error).into()
    }
}

/// A request socket of its own: answers to one never meet those to another.
pub struct Netlink {
    socket: Socket,
    sequence: u32,
    buffer: Vec<u8>,
}

/// Work with a socket that this thread keeps for the next time: to open one costs more than most
/// requests. For threads that stay in the network namespace they began in.
pub fn with_kept<T>(work: impl FnOnce(&mut Netlink) -> T) -> Result<T, NetlinkError> {
    thread_local! {
        static KEPT: Cell<Option<Netlink>> = const { Cell::new(None) };
    }
    let mut netlink = match KEPT.take() {
        Some(netlink) => netlink,
        None => Netlink::open()?,
    };
    let result = work(&mut netlink);
    // What was not read of an answer is told from the next one by its sequence number.
    KEPT.set(Some(netlink));
    Ok(result)
}

impl Netlink {
    /// A route socket that talks to the kernel only; an answer has 10 seconds.
    pub fn open() -> Result<Self, NetlinkError> {
        Self::of(NETLINK_ROUTE)
    }

    fn of(protocol: isize) -> Result<Self, NetlinkError> {
        let mut socket = Socket::new(protocol)?;
        socket.bind_auto()?;
        // Connected to the kernel, so that nobody else can send us an answer.
        socket.connect(&SocketAddr::new(0, 0))?;
        socket.set_ext_ack(true)?;
        set_socket_timeout(&socket, Timeout::Recv, Some(ANSWER_WITHIN)).map_err(io::Error::from)?;
        Ok(Self {
            socket,
            sequence: 0,
            buffer: Vec::new(),
        })
    }

    /// The link with its VFs; `None` where no link has this index.
    pub fn link(&mut self, index: u32) -> Result<Option<Link>, NetlinkError> {
        let mut request = message(index);
        // Statistics of VFs cost a third of the message, and some drivers ask the hardware.
        let mask = vec![LinkExtentMask::Vf, LinkExtentMask::SkipStats];
        request.attributes.push(LinkAttribute::ExtMask(mask));
        let request = RouteNetlinkMessage::GetLink(request);
        let mut found = None;
        let answer = self.exchange(request.clone(), 0, |body| {
            found = Some(Link::parse(body)?);
            Ok(())
        });
        match answer {
            Ok(_) => Ok(found),
            Err(error) if error.errno() == Some(Errno::NODEV) => Ok(None),
            // Some kernels reckon one answer too small for many VFs, but not the parts of a dump.
            Err(error) if error.errno() == Some(Errno::MSGSIZE) => {
                let is_it = |body: &[u8]| u32_at(body, 4) == Some(index);
                let links = self.dump(&request, |body| {
                    is_it(body).then(|| Link::parse(body)).transpose()
                })?;
                Ok(links.into_iter().next())
            }
            Err(error) => Err(error),
        }
    }

    /// Sets one attribute of a VF through the PF's link with this index.
    pub fn set_vf(
        &mut self,
        index: u32,
        vf: VfIndex,
        setting: VfSetting,
    ) -> Result<(), NetlinkError> {
        let mut request = message(index);
        request.attributes.push(vf::setting(vf, setting));
        self.set(request)
    }

    /// In bytes. The driver may refuse what the protocol allows.
    pub fn set_mtu(&mut self, index: u32, mtu: Mtu) -> Result<(), NetlinkError> {
        let mut request = message(index);
        request.attributes.push(LinkAttribute::Mtu(mtu.get()));
        self.set(request)
    }

    /// `ip link set up`: also waits for the driver to open the device.
    pub fn set_up(&mut self, index: u32) -> Result<(), NetlinkError> {
        let mut request = message(index);
        request.header.flags = LinkFlags::Up;
        request.header.change_mask = LinkFlags::Up;
        self.set(request)
    }

    fn set(&mut self, request: LinkMessage) -> Result<(), NetlinkError> {
        let request = RouteNetlinkMessage::NewLink(request);
        self.exchange(request, NLM_F_ACK, |_| Ok(())).map(drop)
    }

    /// Asks again where the kernel says that its answer mixes two states.
    fn dump<T>(
        &mut self,
        request: &RouteNetlinkMessage,
        parse: impl Fn(&[u8]) -> Result<Option<T>, Malformed>,
    ) -> Result<Vec<T>, NetlinkError> {
        for _ in 0..DUMPS {
            let mut found = Vec::new();
            let answer = self.exchange(request.clone(), NLM_F_DUMP, |body| {
                found.extend(parse(body)?);
                Ok(())
            })?;
            if answer == Answer::Whole {
                return Ok(found);
            }
        }
        Err(NetlinkError::Kernel {
            errno: Errno::AGAIN,
            detail: Some("it changed each time while it was read".to_owned()),
        })
    }

    fn exchange(
        &mut self,
        request: RouteNetlinkMessage,
        flags: u16,
        take: impl FnMut(&[u8]) -> Result<(), Malformed>,
    ) -> Result<Answer, NetlinkError> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | flags;
        header.sequence_number = self.sequence;
        let mut request = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(request));
        request.finalize();
        self.buffer.resize(request.buffer_len(), 0);
        request.serialize(&mut self.buffer);
        self.converse(flags, take)
    }

    /// Sends what is in the buffer, which has the present sequence number, and takes what is answered.
    fn converse(
        &mut self,
        flags: u16,
        mut take: impl FnMut(&[u8]) -> Result<(), Malformed>,
    ) -> Result<Answer, NetlinkError> {
        self.socket.send(&self.buffer, 0)?;

        let mut answer = Answer::Whole;
        loop {
            self.receive()?;
            let mut rest = &self.buffer[..];
            while !rest.is_empty() {
                let message = NetlinkBuffer::new_checked(rest)
                    .map_err(|_| Malformed("the length of a message"))?;
                let length = usize::try_from(message.length()).unwrap_or(usize::MAX);
                rest = rest.get(align(length)..).unwrap_or_default();
                if message.sequence_number() != self.sequence {
                    continue;
                }
                if message.flags() & NLM_F_DUMP_INTR != 0 {
                    answer = Answer::Mixed;
                }
                match message.message_type() {
                    NLMSG_NOOP => {}
                    NLMSG_ERROR | NLMSG_DONE => return outcome(&message).map(|()| answer),
                    _ => {
                        take(message.payload())?;
                        if flags == 0 {
                            return Ok(answer);
                        }
                    }
                }
            }
        }
    }

    /// One datagram, of whatever size, into the buffer.
    fn receive(&mut self) -> Result<(), NetlinkError> {
        let receive = |buffer: &mut [u8], flags| {
            rustix::io::retry_on_intr(|| rustix::net::recv(&self.socket, &mut *buffer, flags))
                .map_err(|error| match Errno::from(io::Error::from(error)) {
                    Errno::AGAIN => NetlinkError::Kernel {
                        errno: Errno::TIMEDOUT,
                        detail: Some(format!("no answer within {ANSWER_WITHIN:?}")),
                    },
                    errno => errno.into(),
                })
        };
        let (_, size) = receive(&mut [], RecvFlags::PEEK | RecvFlags::TRUNC)?;
        self.buffer.resize(size, 0);
        let (_, size) = receive(&mut self.buffer, RecvFlags::empty())?;
        self.buffer.truncate(size);
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Whole,
    /// Something changed while the kernel was telling it.
    Mixed,
}

fn message(index: u32) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message
}

/// `NLMSG_ERROR` (with number 0 it is an acknowledgement) and `NLMSG_DONE` begin with the same
/// number, and either may carry the kernel's words.
fn outcome(message: &NetlinkBuffer<&[u8]>) -> Result<(), NetlinkError> {
    let number = match u32_at(message.payload(), 0) {
        None | Some(0) => return Ok(()),
        Some(number) => number.wrapping_neg(),
    };
    match i32::try_from(number) {
        Ok(number @ 1..4096) => Err(NetlinkError::Kernel {
            errno: Errno::from_raw_os_error(number),
            detail: sentence(message),
        }),
        _ => Err(Malformed("an error number").into()),
    }
}

fn sentence(message: &NetlinkBuffer<&[u8]>) -> Option<String> {
    let flags = message.flags();
    if flags & NLM_F_ACK_TLVS == 0 {
        return None;
    }
    let behind_number = message.payload().get(4..)?;
    // An error gives the request back first: its header alone, or all of it.
    let request = match message.message_type() {
        NLMSG_DONE => 0,
        _ if flags & NLM_F_CAPPED != 0 => 16,
        _ => usize::try_from(u32_at(behind_number, 0)?).ok()?,
    };
    attributes(behind_number.get(align(request)..)?)
        .find(|attribute| attribute.kind == NLMSGERR_ATTR_MSG)
        .map(|words| String::from_utf8_lossy(words.text()).into_owned())
}

#[cfg(test)]
mod tests;
