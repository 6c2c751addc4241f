//! Netlink attributes in raw bytes: never past the end, whatever a length says.

/// `struct nlattr`: length and kind.
pub(super) const HEADER: usize = 4;
/// Without NLA_F_NESTED and NLA_F_NET_BYTEORDER.
const KIND_MASK: u16 = 0x3fff;

#[derive(Debug, Clone, Copy)]
pub(super) struct Attribute<'a> {
    pub(super) kind: u16,
    pub(super) value: &'a [u8],
}

impl<'a> Attribute<'a> {
    /// The first attribute in `bytes`, and what follows it. `None` where none fits.
    pub(super) fn split(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (length, kind) = header(bytes)?;
        let value = bytes.get(HEADER..length)?;
        let rest = bytes.get(align(length)..).unwrap_or_default();
        Some((Self { kind, value }, rest))
    }

    pub(super) fn u8(&self) -> Option<u8> {
        self.value.first().copied()
    }

    pub(super) fn u32(&self) -> Option<u32> {
        u32_at(self.value, 0)
    }

    /// Up to the first zero.
    pub(super) fn text(&self) -> &'a [u8] {
        let end = self.value.iter().position(|byte| *byte == 0);
        &self.value[..end.unwrap_or(self.value.len())]
    }
}

/// Length and kind of the attribute that begins here; the length is not checked.
pub(super) fn header(bytes: &[u8]) -> Option<(usize, u16)> {
    let length = u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?);
    let kind = u16::from_ne_bytes(bytes.get(2..HEADER)?.try_into().ok()?);
    Some((usize::from(length), kind & KIND_MASK))
}

/// The attributes in `bytes`, up to the first one that does not fit.
pub(super) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = Attribute<'_>> {
    std::iter::from_fn(move || {
        let (attribute, rest) = Attribute::split(bytes)?;
        bytes = rest;
        Some(attribute)
    })
}

/// The first attribute of that kind.
pub(super) fn find(bytes: &[u8], kind: u16) -> Option<Attribute<'_>> {
    attributes(bytes).find(|attribute| attribute.kind == kind)
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

/// Attributes and messages begin at multiples of four.
pub(super) fn align(length: usize) -> usize {
    length.saturating_add(3) & !3
}
