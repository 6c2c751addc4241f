//! How many user contexts an RDMA device has: programs on verbs, DPDK's on such devices among them.
//!
//! The family has no messages in netlink-packet-route (include/uapi/rdma/rdma_netlink.h).

use super::attributes::{Attribute, attributes};
use super::{Malformed, Netlink, NetlinkError, align};
use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST};
use sriovd_core::model::Errno;

const NETLINK_RDMA: isize = 20;
const RDMA_NL_NLDEV: u16 = 5;
const CMD_GET: u16 = 1;
const CMD_RES_GET: u16 = 9;
const ATTR_DEV_INDEX: u16 = 1;
const ATTR_DEV_NAME: u16 = 2;
const ATTR_RES_SUMMARY: u16 = 15;
const ATTR_RES_SUMMARY_ENTRY: u16 = 16;
const ATTR_RES_SUMMARY_ENTRY_NAME: u16 = 17;
const ATTR_RES_SUMMARY_ENTRY_CURR: u16 = 18;

/// `struct nlmsghdr`
const HEADER: usize = 16;

/// User contexts of the device of that name in `/sys/class/infiniband`.
///
/// # Errors
/// The kernel's; also where there is no such device.
pub fn user_contexts(device: &str) -> Result<u64, NetlinkError> {
    let mut netlink = Netlink::of(NETLINK_RDMA)?;
    let mut index = None;
    netlink.ask(CMD_GET, NLM_F_DUMP, &[], |body| {
        index = index.or(index_of(body, device));
        Ok(())
    })?;
    let Some(index) = index else {
        return Err(Errno::NODEV.into());
    };
    let mut contexts = 0;
    netlink.ask(CMD_RES_GET, 0, &index.to_ne_bytes(), |body| {
        contexts = contexts_in(body);
        Ok(())
    })?;
    Ok(contexts)
}

impl Netlink {
    fn ask(
        &mut self,
        command: u16,
        flags: u16,
        index: &[u8],
        take: impl FnMut(&[u8]) -> Result<(), Malformed>,
    ) -> Result<(), NetlinkError> {
        self.sequence = self.sequence.wrapping_add(1);
        let length = |size: usize| u16::try_from(size).unwrap_or(u16::MAX);
        let attribute = match index.len() {
            0 => Vec::new(),
            size => [
                &length(4 + size).to_ne_bytes()[..],
                &ATTR_DEV_INDEX.to_ne_bytes(),
                index,
            ]
            .concat(),
        };
        let size = u32::from(length(HEADER + align(attribute.len())));
        self.buffer.clear();
        self.buffer.extend(size.to_ne_bytes());
        self.buffer
            .extend((RDMA_NL_NLDEV << 10 | command).to_ne_bytes());
        self.buffer.extend((NLM_F_REQUEST | flags).to_ne_bytes());
        self.buffer.extend(self.sequence.to_ne_bytes());
        self.buffer.extend(0_u32.to_ne_bytes());
        self.buffer.extend(attribute);
        self.converse(flags, take).map(drop)
    }
}

fn find<'a>(bytes: &'a [u8], kind: u16) -> Option<Attribute<'a>> {
    attributes(bytes).find(|attribute| attribute.kind == kind)
}

fn index_of(body: &[u8], device: &str) -> Option<u32> {
    let name = find(body, ATTR_DEV_NAME)?;
    let index = find(body, ATTR_DEV_INDEX)?.u32();
    index.filter(|_| name.text() == device.as_bytes())
}

/// Kernels before 5.1 do not count them.
fn contexts_in(body: &[u8]) -> u64 {
    let count = |entry: Attribute<'_>| {
        let name = find(entry.value, ATTR_RES_SUMMARY_ENTRY_NAME)?;
        let current = find(entry.value, ATTR_RES_SUMMARY_ENTRY_CURR)?;
        let current = current.value.get(..8)?.try_into().ok();
        current
            .filter(|_| name.text() == b"ctx")
            .map(u64::from_ne_bytes)
    };
    let summary = find(body, ATTR_RES_SUMMARY).map(|summary| summary.value);
    let entries = attributes(summary.unwrap_or_default());
    let mut entries = entries.filter(|entry| entry.kind == ATTR_RES_SUMMARY_ENTRY);
    entries.find_map(count).unwrap_or_default()
}

#[cfg(test)]
mod tests;
