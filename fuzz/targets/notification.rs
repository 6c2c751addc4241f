//! A notification of rtnetlink of any kind, which its first two bytes tell, and content.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sriovd_agent::events::link::Notification;

fuzz_target!(|message: &[u8]| {
    let Some((kind, body)) = message.split_first_chunk() else {
        return;
    };
    let _ = Notification::of(u16::from_le_bytes(*kind), body);
});
