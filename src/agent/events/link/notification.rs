//! The few bytes of an rtnetlink notification that say whether, and where, to look again.

use netlink_packet_core::{NlaBuffer, NlasIterator};
use sriovd_core::model::PciAddress;

// Numbers of linux/rtnetlink.h, linux/if_link.h and linux/socket.h.
const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const RTM_DELADDR: u16 = 21;
const AF_BRIDGE: u8 = 7;
const IFLA_IFNAME: u16 = 3;
const IFLA_WIRELESS: u16 = 11;
const IFLA_LINKINFO: u16 = 18;
const IFLA_PARENT_DEV_NAME: u16 = 56;
const IFLA_INFO_KIND: u16 = 1;
const LINK_HEADER: usize = 16;
const ADDRESS_HEADER: usize = 8;

/// What an rtnetlink notification is about, where that may concern a PF or VF.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notification {
    /// A link is new, changed or gone.
    Link(Link),
    /// Only removal can end the use of a VF.
    AddressRemoved {
        /// `ifindex` of the interface.
        interface: u32,
    },
    /// Cannot be about a PF or a VF.
    Irrelevant,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub index: u32,
    pub name: String,
    /// The PCI function below, which kernels from 5.14 on tell. Not so for virtio, whose parent
    /// is a virtio device.
    pub function: Option<PciAddress>,
}

impl Notification {
    /// `kind` as in the header of the message. What cannot be read cannot matter.
    pub fn of(kind: u16, payload: &[u8]) -> Self {
        let relevant = match kind {
            RTM_NEWLINK | RTM_DELLINK => link(payload).map(Self::Link),
            RTM_DELADDR if payload.len() >= ADDRESS_HEADER => {
                number(payload, 4).map(|interface| Self::AddressRemoved { interface })
            }
            _ => None,
        };
        relevant.unwrap_or(Self::Irrelevant)
    }
}

fn link(payload: &[u8]) -> Option<Link> {
    let index = number(payload, 4)?;
    let attributes = payload.get(LINK_HEADER..)?;
    if payload.first() == Some(&AF_BRIDGE) {
        return None;
    }
    let mut link = Link {
        index,
        name: index.to_string(),
        function: None,
    };
    for attribute in NlasIterator::new(attributes).map_while(Result::ok) {
        match attribute.kind() {
            IFLA_IFNAME => link.name = name(attribute.value()),
            IFLA_PARENT_DEV_NAME => link.function = text(&attribute)?.parse().ok(),
            IFLA_LINKINFO if is_software(attribute.value()) => return None,
            IFLA_WIRELESS => return None,
            _ => {}
        }
    }
    Some(link)
}

/// The kernel takes nearly any bytes for one. For people only.
fn name(bytes: &[u8]) -> String {
    let name = String::from_utf8_lossy(bytes);
    name.trim_end_matches('\0').to_owned()
}

/// Whether the interface was made by software: veth, bridge, VLAN, tunnel. Of the drivers of real
/// devices only IPoIB gives a kind; a port of a bond or bridge has one for its port role only.
fn is_software(link_info: &[u8]) -> bool {
    NlasIterator::new(link_info)
        .map_while(Result::ok)
        .any(|info| info.kind() == IFLA_INFO_KIND && text(&info) != Some("ipoib"))
}

fn text<'a>(attribute: &'a NlaBuffer<&[u8]>) -> Option<&'a str> {
    let text = std::str::from_utf8(attribute.value()).ok()?;
    Some(text.trim_end_matches('\0'))
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let number = bytes.get(at..at + 4)?;
    number.try_into().ok().map(u32::from_ne_bytes)
}
