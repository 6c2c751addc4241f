//! How many user contexts an RDMA device has: programs on verbs, DPDK's on such devices among them.
//!
//! The family has no messages in netlink-packet-route (include/uapi/rdma/rdma_netlink.h).

use super::attributes::{Attribute, attributes, find};
use super::error::NetlinkError;
use super::exchange::Exchange;
use super::request::{Request, number};
use netlink_packet_core::DefaultNla;
use netlink_sys::protocols::NETLINK_RDMA;
use sriovd_core::model::Errno;

const RDMA_NL_NLDEV: u16 = 5;
const CMD_GET: u16 = 1;
const CMD_RES_GET: u16 = 9;
const ATTR_DEV_INDEX: u16 = 1;
const ATTR_DEV_NAME: u16 = 2;
const ATTR_RES_SUMMARY: u16 = 15;
const ATTR_RES_SUMMARY_ENTRY: u16 = 16;
const ATTR_RES_SUMMARY_ENTRY_NAME: u16 = 17;
const ATTR_RES_SUMMARY_ENTRY_CURR: u16 = 18;

/// User contexts of the device of that name in `/sys/class/infiniband`.
///
/// # Errors
/// The kernel's; also where there is no such device.
pub fn user_contexts(device: &str) -> Result<u64, NetlinkError> {
    let mut exchange = Exchange::open(NETLINK_RDMA)?;
    let devices = request(CMD_GET, &[]);
    let index = exchange.dump(&devices, |body| Ok(index_of(body, device)))?;
    let index = index.first().ok_or(Errno::NODEV)?;
    let index = [number(ATTR_DEV_INDEX, *index)];
    let mut contexts = 0;
    exchange.ask(&request(CMD_RES_GET, &index), 0, |body| {
        contexts = contexts_in(body);
        Ok(())
    })?;
    Ok(contexts)
}

fn request(command: u16, attributes: &[DefaultNla]) -> Request<'_> {
    Request {
        kind: RDMA_NL_NLDEV << 10 | command,
        header: &[],
        attributes,
    }
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
