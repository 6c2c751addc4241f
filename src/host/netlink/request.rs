//! Requests of families that have no types in netlink-packet-route: a fixed header and attributes.

use netlink_packet_core::{DefaultNla, Emitable, NetlinkSerializable};

/// A request as its family reads it.
pub(super) struct Request<'a> {
    /// The type of the message.
    pub(super) kind: u16,
    /// The family's own header; its length is a multiple of four.
    pub(super) header: &'a [u8],
    /// What follows the header.
    pub(super) attributes: &'a [DefaultNla],
}

impl NetlinkSerializable for Request<'_> {
    fn message_type(&self) -> u16 {
        self.kind
    }

    fn buffer_len(&self) -> usize {
        self.header.len() + self.attributes.buffer_len()
    }

    fn serialize(&self, buffer: &mut [u8]) {
        let (header, attributes) = buffer.split_at_mut(self.header.len());
        header.copy_from_slice(self.header);
        self.attributes.emit(attributes);
    }
}

/// An attribute that holds text, with the zero at its end.
pub(super) fn text(kind: u16, text: &str) -> DefaultNla {
    DefaultNla::new(kind, [text.as_bytes(), &[0]].concat())
}

/// An attribute that holds a number of 32 bits.
pub(super) fn number(kind: u16, number: u32) -> DefaultNla {
    DefaultNla::new(kind, number.to_ne_bytes().to_vec())
}

/// Attributes as they are sent.
pub(super) fn bytes(attributes: &[DefaultNla]) -> Vec<u8> {
    let mut bytes = vec![0; attributes.buffer_len()];
    attributes.emit(&mut bytes);
    bytes
}
