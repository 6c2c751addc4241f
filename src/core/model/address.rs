//! Where a device is and who it is: PCI addresses, PCI ids, MAC addresses.

use super::{Malformed, serde_as_text};
use std::fmt;
use std::str::FromStr;

/// A PCI function, `dddd:bb:dd.f` as the kernel writes it (`Documentation/PCI/sysfs-pci.rst`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PciAddress {
    domain: u32,
    bus: u8,
    device: u8,
    function: u8,
}

impl PciAddress {
    /// `None` where the device (5 bits) or function (3 bits) number does not fit.
    pub fn new(domain: u32, bus: u8, device: u8, function: u8) -> Option<Self> {
        (device < 32 && function < 8).then_some(Self {
            domain,
            bus,
            device,
            function,
        })
    }
}

impl fmt::Display for PciAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:04x}:{:02x}:{:02x}.{:x}",
            self.domain, self.bus, self.device, self.function
        )
    }
}

impl FromStr for PciAddress {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let parse = || {
            let (domain, rest) = text.split_once(':')?;
            let (bus, rest) = rest.split_once(':')?;
            let (device, function) = rest.split_once('.')?;
            let widths = (4..=8).contains(&domain.len())
                && (bus.len(), device.len(), function.len()) == (2, 2, 1);
            let digits = |part: &str| part.bytes().all(|b| b.is_ascii_hexdigit());
            if !widths || ![domain, bus, device, function].into_iter().all(digits) {
                return None;
            }
            Self::new(
                u32::from_str_radix(domain, 16).ok()?,
                u8::from_str_radix(bus, 16).ok()?,
                u8::from_str_radix(device, 16).ok()?,
                u8::from_str_radix(function, 16).ok()?,
            )
        };
        parse().ok_or_else(|| Malformed::new(text, "a PCI address such as 0000:3b:00.0"))
    }
}
serde_as_text!(PciAddress, {
    "description": "A PCI function, as sysfs writes it: 0000:3b:00.0",
    "pattern": "^[0-9a-fA-F]{4,8}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\\.[0-7]$",
});

/// A PCI vendor or device id: four hexadecimal digits, written without `0x`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PciId(pub u16);

impl fmt::Display for PciId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}", self.0)
    }
}

impl FromStr for PciId {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        let well_formed = digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        well_formed
            .then(|| u16::from_str_radix(digits, 16).ok().map(Self))
            .flatten()
            .ok_or_else(|| Malformed::new(text, "a PCI id of four hexadecimal digits such as 8086"))
    }
}
serde_as_text!(PciId, {
    "description": "A PCI vendor or device id: four hexadecimal digits",
    "pattern": "^(0x)?[0-9a-fA-F]{4}$",
});

/// An Ethernet MAC address, written in lower case with colons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddress(pub [u8; 6]);

impl MacAddress {
    /// What drivers report of a VF that has no address of its own; setting it clears the address.
    pub const ZERO: Self = Self([0; 6]);

    /// What `ip link set … vf … mac` refuses (`is_valid_ether_addr`, include/linux/etherdevice.h).
    pub fn is_unicast(self) -> bool {
        self.0[0] & 1 == 0 && self != Self::ZERO
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl FromStr for MacAddress {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let mut bytes = [0; 6];
        let mut parts = text.split([':', '-']);
        let ok = bytes.iter_mut().all(|byte| {
            let part = parts.next().unwrap_or_default();
            let digits = part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit());
            digits
                && u8::from_str_radix(part, 16)
                    .map(|parsed| *byte = parsed)
                    .is_ok()
        });
        (ok && parts.next().is_none())
            .then_some(Self(bytes))
            .ok_or_else(|| Malformed::new(text, "a MAC address such as 02:00:5e:10:00:01"))
    }
}
serde_as_text!(MacAddress, {
    "description": "A MAC address, written in lower case with colons",
    "pattern": "^[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}$",
});
