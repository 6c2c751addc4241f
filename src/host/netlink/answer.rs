//! The messages that answer one request: which belong to it, which is the last, and what that one says.

use super::attributes::{align, find, u32_at};
use super::error::{Malformed, NetlinkError};
use netlink_packet_core::{
    NLM_F_ACK_TLVS, NLM_F_CAPPED, NLM_F_DUMP_INTR, NLM_F_MULTIPART, NLMSG_DONE, NLMSG_ERROR,
    NetlinkBuffer,
};
use sriovd_core::model::Errno;

const NLMSGERR_ATTR_MSG: u16 = 1;
/// Below it are the types of netlink itself, whatever the family (`NLMSG_MIN_TYPE`).
const OF_FAMILIES: u16 = 16;

/// How much of an answer has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// More is to come.
    Begun,
    /// That was all of it.
    Ended,
}

/// What is known of the answer to one request while it is read.
#[derive(Debug)]
pub(super) struct Replies {
    sequence: u32,
    /// The request's: neither an acknowledgement nor the end of a dump follows the only message.
    is_single: bool,
    /// Something changed while the kernel was telling it.
    pub(super) is_mixed: bool,
    pub(super) progress: Progress,
}

impl Replies {
    /// To the request of that sequence number and with those flags, beside `NLM_F_REQUEST`.
    pub(super) fn to(sequence: u32, flags: u16) -> Self {
        Self {
            sequence,
            is_single: flags == 0,
            is_mixed: false,
            progress: Progress::Begun,
        }
    }

    /// Gives `take` the body of each message of a datagram that belongs to the answer.
    ///
    /// # Errors
    /// The kernel's refusal; what `take` says; a message that does not have the documented form.
    pub(super) fn read(
        &mut self,
        datagram: &[u8],
        mut take: impl FnMut(&[u8]) -> Result<(), Malformed>,
    ) -> Result<(), NetlinkError> {
        let mut rest = datagram;
        while !rest.is_empty() && self.progress == Progress::Begun {
            let message = NetlinkBuffer::new_checked(rest)
                .map_err(|_| Malformed("the length of a message"))?;
            let length = usize::try_from(message.length()).unwrap_or(usize::MAX);
            rest = rest.get(align(length)..).unwrap_or_default();
            if message.sequence_number() != self.sequence {
                continue;
            }
            let flags = message.flags();
            self.is_mixed |= flags & NLM_F_DUMP_INTR != 0;
            match message.message_type() {
                NLMSG_ERROR | NLMSG_DONE => {
                    self.progress = Progress::Ended;
                    outcome(&message)?;
                }
                OF_FAMILIES.. => {
                    if self.is_single && flags & NLM_F_MULTIPART == 0 {
                        self.progress = Progress::Ended;
                    }
                    take(message.payload())?;
                }
                _ => {}
            }
        }
        Ok(())
    }
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
    find(behind_number.get(align(request)..)?, NLMSGERR_ATTR_MSG)
        .map(|words| String::from_utf8_lossy(words.text()).into_owned())
}

#[cfg(test)]
mod tests;
