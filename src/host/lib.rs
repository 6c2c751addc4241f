//! The kernel: sysfs, netlink, network namespaces, and files written safely.
//!
//! It may reach the system; what is decided comes from `sriovd_core`. It knows no daemon, no API and no container plugin.
#![warn(missing_docs)]

pub mod file;
pub mod linux;
pub mod namespace;
pub mod netlink;
pub mod ovsdb;
pub mod sysfs;

use sriovd_core::host::{Host, HostError, Look};
use sriovd_core::model::MacAddress;

/// A name that the kernel gave as bytes. It takes nearly any byte in an interface's name, also
/// from inside a container, and such a name must not make its PF unreadable.
fn printable(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    let odd = |c: char| c.is_control() || c.is_whitespace() || c == char::REPLACEMENT_CHARACTER;
    text.replace(odd, "?")
}

/// InfiniBand's 20 bytes end in the port's GUID, made of a MAC with two bytes put in its middle.
fn hardware_address(bytes: &[u8]) -> Option<MacAddress> {
    match *bytes {
        [a, b, c, d, e, f] => Some(MacAddress([a, b, c, d, e, f])),
        [.., a, b, c, _, _, d, e, f] if bytes.len() == 20 => Some(MacAddress([a, b, c, d, e, f])),
        _ => None,
    }
}
