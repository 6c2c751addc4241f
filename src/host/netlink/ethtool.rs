//! What `ethtool -k` calls hw-tc-offload: whether rules of tc are given to the hardware
//! (include/uapi/linux/ethtool_netlink.h).

use super::attributes::{Attribute, attributes, find};
use super::error::{Malformed, NetlinkError};
use super::generic::{Kept, with_kept};
use super::request::{bytes, number, text};
use netlink_packet_core::DefaultNla;
use sriovd_core::model::Errno;
use std::collections::BTreeMap;

const MSG_FEATURES_GET: u8 = 11;
const MSG_FEATURES_SET: u8 = 12;

const HEADER: u16 = 1;
const HEADER_DEV_INDEX: u16 = 1;
const HEADER_FLAGS: u16 = 3;
const FLAG_COMPACT_BITSETS: u32 = 1;
const FLAG_OMIT_REPLY: u32 = 2;

const FEATURES_HW: u16 = 2;
const FEATURES_WANTED: u16 = 3;
const FEATURES_ACTIVE: u16 = 4;
const FEATURES_NOCHANGE: u16 = 5;

const BITSET_BITS: u16 = 3;
const BITSET_VALUE: u16 = 4;
const BIT: u16 = 1;
const BIT_INDEX: u16 = 1;
const BIT_NAME: u16 = 2;
const BIT_VALUE: u16 = 3;

const NESTED: u16 = 0x8000;

const TC_OFFLOAD: &str = "hw-tc-offload";

/// hw-tc-offload of one interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TcOffload {
    /// On or off; `None` where the driver lets nobody choose.
    pub on: Option<bool>,
    /// The number of the feature, the same for all interfaces as long as this kernel runs.
    pub bit: u32,
}

/// hw-tc-offload of this interface; `None` where it is gone, or the kernel knows no such feature.
///
/// # Errors
/// The kernel's.
pub fn tc_offload(interface: u32) -> Result<Option<TcOffload>, NetlinkError> {
    with_family(|family| {
        let Some(family) = family else {
            return Ok(None);
        };
        let header = header(&[number(HEADER_DEV_INDEX, interface)]);
        let mut found = None;
        let answer = family.get(MSG_FEATURES_GET, &[header], |body| {
            found = by_name(body)?;
            Ok(())
        });
        match answer {
            Err(error) if matches!(error.errno(), Some(Errno::NODEV | Errno::OPNOTSUPP)) => {
                Ok(None)
            }
            answer => answer.map(|()| found),
        }
    })
}

/// The same of all interfaces in this network namespace, by the number of the feature.
///
/// # Errors
/// The kernel's.
pub fn tc_offloads(bit: u32) -> Result<BTreeMap<u32, Option<bool>>, NetlinkError> {
    with_family(|family| {
        let Some(family) = family else {
            return Ok(BTreeMap::new());
        };
        let header = header(&[number(HEADER_FLAGS, FLAG_COMPACT_BITSETS)]);
        let found = family.dump(MSG_FEATURES_GET, &[header], |body| {
            by_number(body, bit).map(Some)
        });
        found.map(|found| found.into_iter().collect())
    })
}

/// Switches it. What the driver does not let anybody choose stays as it is, without an error.
///
/// # Errors
/// The kernel's.
pub fn set_tc_offload(interface: u32, on: bool) -> Result<(), NetlinkError> {
    with_family(|family| {
        let family = family.ok_or(NetlinkError::from(Errno::OPNOTSUPP))?;
        let header = header(&[
            number(HEADER_DEV_INDEX, interface),
            number(HEADER_FLAGS, FLAG_OMIT_REPLY),
        ]);
        let mut bit = vec![text(BIT_NAME, TC_OFFLOAD)];
        bit.extend(on.then(|| DefaultNla::new(BIT_VALUE, Vec::new())));
        let bits = nested(BITSET_BITS, &[nested(BIT, &bit)]);
        let wanted = nested(FEATURES_WANTED, &[bits]);
        family.change(MSG_FEATURES_SET, &[header, wanted])
    })
}

fn with_family<T>(
    work: impl FnOnce(Option<&mut super::GenericFamily>) -> Result<T, NetlinkError>,
) -> Result<T, NetlinkError> {
    thread_local! {
        static KEPT: Kept = const { Kept::new(None) };
    }
    with_kept(&KEPT, "ethtool", work)
}

fn header(attributes: &[DefaultNla]) -> DefaultNla {
    nested(HEADER, attributes)
}

fn nested(kind: u16, attributes: &[DefaultNla]) -> DefaultNla {
    DefaultNla::new(kind | NESTED, bytes(attributes))
}

/// From an answer that names the features. The first list has all that the kernel knows.
fn by_name(body: &[u8]) -> Result<Option<TcOffload>, Malformed> {
    let hardware = find(body, FEATURES_HW).ok_or(UNREADABLE)?;
    let Some(feature) = named(hardware) else {
        return Ok(None);
    };
    let bit = find(feature.value, BIT_INDEX).and_then(|bit| bit.u32());
    let is_in = |set: u16| find(body, set).is_some_and(|set| named(set).is_some());
    let may_be_chosen = find(feature.value, BIT_VALUE).is_some() && !is_in(FEATURES_NOCHANGE);
    Ok(Some(TcOffload {
        on: may_be_chosen.then(|| is_in(FEATURES_ACTIVE)),
        bit: bit.ok_or(UNREADABLE)?,
    }))
}

/// The feature in a set that is written as a list.
fn named(set: Attribute<'_>) -> Option<Attribute<'_>> {
    let bits = find(set.value, BITSET_BITS)?;
    attributes(bits.value).find(|bit| {
        let name = find(bit.value, BIT_NAME);
        name.is_some_and(|name| name.text() == TC_OFFLOAD.as_bytes())
    })
}

/// From an answer that has a bit for each feature: the interface, and what it has.
fn by_number(body: &[u8], bit: u32) -> Result<(u32, Option<bool>), Malformed> {
    let header = find(body, HEADER).ok_or(UNREADABLE)?;
    let interface = find(header.value, HEADER_DEV_INDEX).and_then(|index| index.u32());
    let has = |set: u16| {
        let set = find(body, set).and_then(|set| find(set.value, BITSET_VALUE));
        let word = usize::try_from(bit / 32).ok().map(|word| 4 * word);
        let word = set
            .zip(word)
            .and_then(|(set, at)| super::u32_at(set.value, at));
        word.ok_or(UNREADABLE)
            .map(|word| word & (1 << (bit % 32)) != 0)
    };
    let may_be_chosen = has(FEATURES_HW)? && !has(FEATURES_NOCHANGE)?;
    let on = has(FEATURES_ACTIVE)?;
    Ok((interface.ok_or(UNREADABLE)?, may_be_chosen.then_some(on)))
}

const UNREADABLE: Malformed = Malformed("the features of an interface");

#[cfg(test)]
mod tests;
