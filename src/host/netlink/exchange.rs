//! One exchange with the kernel, whatever the family: a request is sent, its answer is read to the end.
//!
//! The kernel does what is asked of it inside `send`: that is where a slow driver takes its time.

use super::answer::{Progress, Replies};
use super::error::{Malformed, NetlinkError};
use netlink_packet_core::{
    Emitable, NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkSerializable,
};
use netlink_sys::{Socket, SocketAddr};
use rustix::net::RecvFlags;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use sriovd_core::model::Errno;
use std::io;
use std::time::Duration;

const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How often a dump is asked for again because something changed while it ran.
const DUMPS: usize = 5;
/// No family tells more at once: a PF with all VFs that the protocol can count takes a quarter of it.
const LARGEST: usize = 64 << 20;
/// What a socket keeps of its buffer between two exchanges.
const KEPT: usize = 64 << 10;

/// A request socket of its own: answers to one never meet those to another.
pub(super) struct Exchange {
    protocol: isize,
    pub(super) socket: Socket,
    sequence: u32,
    buffer: Vec<u8>,
    /// The last answer was read to its end.
    is_idle: bool,
}

impl Exchange {
    /// A socket that talks to the kernel only; an answer has 10 seconds.
    pub(super) fn open(protocol: isize) -> Result<Self, NetlinkError> {
        let mut socket = Socket::new(protocol)?;
        socket.bind_auto()?;
        // Connected to the kernel, so that no other program can send an answer.
        socket.connect(&SocketAddr::new(0, 0))?;
        socket.set_ext_ack(true)?;
        set_socket_timeout(&socket, Timeout::Recv, Some(ANSWER_WITHIN)).map_err(io::Error::from)?;
        Ok(Self {
            protocol,
            socket,
            sequence: 0,
            buffer: Vec::new(),
            is_idle: true,
        })
    }

    /// All that a dump tells. It is asked for again where the kernel says that its answer mixes two states.
    pub(super) fn dump<T>(
        &mut self,
        request: &impl NetlinkSerializable,
        parse: impl Fn(&[u8]) -> Result<Option<T>, Malformed>,
    ) -> Result<Vec<T>, NetlinkError> {
        for _ in 0..DUMPS {
            let mut found = Vec::new();
            let answers = self.converse(request, NLM_F_DUMP, |body| {
                found.extend(parse(body)?);
                Ok(())
            })?;
            if !answers.is_mixed {
                return Ok(found);
            }
        }
        Err(NetlinkError::Kernel {
            errno: Errno::AGAIN,
            detail: Some("it changed each time while it was read".to_owned()),
        })
    }

    /// All that a dump tells, though it mixes two states where something changes meanwhile: for what an event tells of
    /// each change.
    pub(super) fn dump_amid_changes<T>(
        &mut self,
        request: &impl NetlinkSerializable,
        parse: impl Fn(&[u8]) -> Result<Option<T>, Malformed>,
    ) -> Result<Vec<T>, NetlinkError> {
        let mut found = Vec::new();
        self.converse(request, NLM_F_DUMP, |body| {
            found.extend(parse(body)?);
            Ok(())
        })?;
        Ok(found)
    }

    /// One request with these flags beside `NLM_F_REQUEST`; `take` gets the body of each message of the
    /// answer. Without flags that is the first one, or all parts of one that has several.
    pub(super) fn ask(
        &mut self,
        request: &impl NetlinkSerializable,
        flags: u16,
        take: impl FnMut(&[u8]) -> Result<(), Malformed>,
    ) -> Result<(), NetlinkError> {
        self.converse(request, flags, take).map(drop)
    }

    fn converse(
        &mut self,
        request: &impl NetlinkSerializable,
        flags: u16,
        mut take: impl FnMut(&[u8]) -> Result<(), Malformed>,
    ) -> Result<Replies, NetlinkError> {
        if !self.is_idle {
            // The kernel refuses a dump while another one is not read to its end.
            *self = Self::open(self.protocol)?;
        }
        self.sequence = self.sequence.wrapping_add(1);
        self.write(request, NLM_F_REQUEST | flags)?;
        self.is_idle = false;
        self.socket.send(&self.buffer, 0)?;

        let mut answers = Replies::to(self.sequence, flags);
        while answers.progress == Progress::Begun {
            self.receive()?;
            let read = answers.read(&self.buffer, &mut take);
            self.is_idle = answers.progress == Progress::Ended;
            read?;
        }
        self.buffer.truncate(KEPT);
        self.buffer.shrink_to(KEPT);
        Ok(answers)
    }

    fn write(
        &mut self,
        request: &impl NetlinkSerializable,
        flags: u16,
    ) -> Result<(), NetlinkError> {
        let mut header = NetlinkHeader::default();
        let begin = header.buffer_len();
        let length = begin + request.buffer_len();
        header.length = u32::try_from(length).map_err(|_| Errno::MSGSIZE)?;
        header.message_type = request.message_type();
        header.flags = flags;
        header.sequence_number = self.sequence;
        self.buffer.clear();
        self.buffer.resize(length, 0);
        header.emit(&mut self.buffer);
        request.serialize(&mut self.buffer[begin..]);
        Ok(())
    }

    /// One datagram into the buffer.
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
        if size > LARGEST {
            return Err(Malformed("an answer of more than 64 MiB").into());
        }
        self.buffer.resize(size, 0);
        let (_, size) = receive(&mut self.buffer, RecvFlags::empty())?;
        self.buffer.truncate(size);
        Ok(())
    }
}
