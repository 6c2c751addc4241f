//! A notification of rtnetlink of any kind and content.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netlink_packet_core::{NetlinkDeserializable, NetlinkHeader};
use sriovd::events::link::Notification;

fuzz_target!(|message: (u16, &[u8])| {
    let mut header = NetlinkHeader::default();
    header.message_type = message.0;
    let _ = Notification::deserialize(&header, message.1);
});
