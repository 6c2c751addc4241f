//! The body of an rtnetlink link or address message of any content, VF lists included.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sriovd_host::netlink::{InterfaceAddress, Link};

fuzz_target!(|message: &[u8]| {
    if let Ok(link) = Link::parse(message) {
        let vfs = link.vfs.as_ref().map_or(0, std::collections::BTreeMap::len);
        assert!(
            vfs * 4 <= message.len(),
            "more VFs than the message can tell of"
        );
        let _ = link.vf_list_complete();
    }
    let _ = InterfaceAddress::parse(message);
});
