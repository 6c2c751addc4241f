//! Families of generic netlink, such as devlink and vdpa, which the kernel knows by name.

use super::attributes::find;
use super::error::{Malformed, NetlinkError};
use super::exchange::Exchange;
use super::request::{Request, text};
use netlink_packet_core::{DefaultNla, NLM_F_ACK};
use netlink_sys::protocols::NETLINK_GENERIC;
use sriovd_core::model::Errno;
use std::cell::Cell;
use std::thread::LocalKey;

/// `GENL_ID_CTRL`: the family that knows all others.
const CONTROLLER: Identity = Identity { id: 16, version: 2 };
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;
const CTRL_ATTR_VERSION: u16 = 3;

/// `struct genlmsghdr`: command, version, reserved.
const HEADER: usize = 4;

/// A family of generic netlink that the kernel has, with a request socket of its own.
pub struct GenericFamily {
    exchange: Exchange,
    identity: Identity,
}

/// A family that a thread keeps for the next time; `Some(None)`: the kernel has none of that name.
pub(super) type Kept = Cell<Option<Option<GenericFamily>>>;

/// Work with a socket that this thread keeps. A family that the kernel had not the first time is for no later module: devlink
/// and ethtool are part of the kernel or not there.
pub(super) fn with_kept<T>(
    kept: &'static LocalKey<Kept>,
    name: &str,
    work: impl FnOnce(Option<&mut GenericFamily>) -> Result<T, NetlinkError>,
) -> Result<T, NetlinkError> {
    let mut family = match kept.take() {
        Some(family) => family,
        None => GenericFamily::open(name)?,
    };
    let result = work(family.as_mut());
    kept.set(Some(family));
    result
}

/// By which the kernel knows a family until it is loaded anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    id: u16,
    version: u8,
}

impl GenericFamily {
    /// The family of that name, such as `devlink`; `None` where the kernel has none, not even as a module.
    ///
    /// # Errors
    /// The kernel's.
    pub fn open(name: &str) -> Result<Option<Self>, NetlinkError> {
        let mut controller = Self {
            exchange: Exchange::open(NETLINK_GENERIC)?,
            identity: CONTROLLER,
        };
        let name = [text(CTRL_ATTR_FAMILY_NAME, name)];
        let mut found = None;
        let answer = controller.get(CTRL_CMD_GETFAMILY, &name, |body| {
            found = Some(Identity::parse(body)?);
            Ok(())
        });
        match answer {
            Err(error) if error.errno() == Some(Errno::NOENT) => return Ok(None),
            answer => answer?,
        }
        Ok(found.map(|identity| Self {
            identity,
            ..controller
        }))
    }

    /// What the family answers to one command: `take` gets the attributes of each message.
    ///
    /// # Errors
    /// The kernel's.
    pub fn get(
        &mut self,
        command: u8,
        attributes: &[DefaultNla],
        mut take: impl FnMut(&[u8]) -> Result<(), Malformed>,
    ) -> Result<(), NetlinkError> {
        let header = self.identity.header(command);
        let request = self.identity.request(&header, attributes);
        self.exchange
            .ask(&request, 0, |body| take(behind_header(body)?))
    }

    /// All objects that a command tells of: `parse` gets the attributes of one.
    ///
    /// # Errors
    /// The kernel's.
    pub fn dump<T>(
        &mut self,
        command: u8,
        attributes: &[DefaultNla],
        parse: impl Fn(&[u8]) -> Result<Option<T>, Malformed>,
    ) -> Result<Vec<T>, NetlinkError> {
        let header = self.identity.header(command);
        let request = self.identity.request(&header, attributes);
        self.exchange
            .dump(&request, |body| parse(behind_header(body)?))
    }

    /// A command that changes something, until the kernel has acknowledged it.
    ///
    /// # Errors
    /// The kernel's.
    pub fn change(&mut self, command: u8, attributes: &[DefaultNla]) -> Result<(), NetlinkError> {
        let header = self.identity.header(command);
        let request = self.identity.request(&header, attributes);
        self.exchange.ask(&request, NLM_F_ACK, |_| Ok(()))
    }
}

impl Identity {
    fn header(self, command: u8) -> [u8; HEADER] {
        [command, self.version, 0, 0]
    }

    fn request<'a>(self, header: &'a [u8], attributes: &'a [DefaultNla]) -> Request<'a> {
        Request {
            kind: self.id,
            header,
            attributes,
        }
    }

    fn parse(body: &[u8]) -> Result<Self, Malformed> {
        const UNREADABLE: Malformed = Malformed("the id of a generic netlink family");
        let id = find(body, CTRL_ATTR_FAMILY_ID).and_then(|id| id.value.try_into().ok());
        let version = find(body, CTRL_ATTR_VERSION).and_then(|version| version.u32());
        Ok(Self {
            id: id.map(u16::from_ne_bytes).ok_or(UNREADABLE)?,
            // The header has eight bits for it.
            version: version
                .and_then(|version| version.try_into().ok())
                .ok_or(UNREADABLE)?,
        })
    }
}

fn behind_header(body: &[u8]) -> Result<&[u8], Malformed> {
    body.get(HEADER..)
        .ok_or(Malformed("the header of a generic netlink message"))
}

#[cfg(test)]
mod tests;
