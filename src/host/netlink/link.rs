//! A link as the kernel describes it in `RTM_NEWLINK`.

use super::Malformed;
use super::attributes::{Attribute, attributes, find, header, u32_at};
use super::vf::{parse_entry, parse_list};
use crate::hardware_address;
use crate::printable;
use sriovd_core::model::{LinkType, MacAddress, VfIndex, VfSettings};
use std::collections::{BTreeMap, BTreeSet};

/// `struct ifinfomsg`: family, type, index, flags, change.
pub(super) const LINK_HEADER: usize = 16;

const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
const IFLA_NUM_VF: u16 = 21;
const IFLA_VFINFO_LIST: u16 = 22;
const IFLA_CARRIER: u16 = 33;
const IFLA_PHYS_PORT_NAME: u16 = 38;
const IFLA_XDP: u16 = 43;
const IFLA_PROP_LIST: u16 = 52;
const IFLA_ALT_IFNAME: u16 = 53;
const IFLA_PERM_ADDRESS: u16 = 54;
const IFLA_PARENT_DEV_NAME: u16 = 56;

/// Within `IFLA_XDP`: 0 for none.
const IFLA_XDP_ATTACHED: u16 = 2;

/// Within `IFLA_LINKINFO`: what kind of interface the master is.
const IFLA_INFO_SLAVE_KIND: u16 = 4;

const ARPHRD_ETHER: u16 = 1;
const ARPHRD_INFINIBAND: u16 = 32;
const IFF_UP: u32 = 1;

/// A network interface, as an `RTM_NEWLINK` message has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Link {
    /// `ifindex` in the namespace of the socket.
    pub index: u32,
    /// `IFLA_IFNAME`, with bytes that cannot be printed replaced by `?`.
    pub name: String,
    /// `IFLA_ALT_IFNAME`, in the same way.
    pub altnames: BTreeSet<String>,
    /// `None` for what is neither Ethernet nor InfiniBand.
    pub link_type: Option<LinkType>,
    /// The address that the hardware came with, where there is one.
    pub permanent_mac: Option<MacAddress>,
    /// The present one.
    pub mac: Option<MacAddress>,
    /// In bytes.
    pub mtu: u32,
    /// `IFF_UP`
    pub up: bool,
    /// `IFLA_CARRIER`
    pub carrier: bool,
    /// An XDP program is attached.
    pub xdp: bool,
    /// The device that the link stands on: a PCI address, or such as `virtio3`.
    pub parent_device: Option<String>,
    /// `IFLA_PHYS_PORT_NAME`: which port of the device it is, such as `p0`, or what it stands for, such as `pf0vf3`.
    pub port_name: Option<String>,
    /// `IFLA_MASTER` of a port of a bond or team.
    pub bond: Option<u32>,
    /// How many VFs the kernel announced.
    pub num_vf: Option<u32>,
    /// What the driver reports of its VFs; `None` where it reports on none.
    pub vfs: Option<BTreeMap<VfIndex, VfSettings>>,
}

impl Link {
    /// Reads the body of an `RTM_NEWLINK` message.
    pub fn parse(message: &[u8]) -> Result<Self, Malformed> {
        let body = message
            .get(LINK_HEADER..)
            .ok_or(Malformed("a link's header"))?;
        let hardware = u16::from_ne_bytes([message[2], message[3]]);
        let mut link = Self {
            index: u32_at(message, 4).unwrap_or_default(),
            up: u32_at(message, 8).unwrap_or_default() & IFF_UP != 0,
            link_type: match hardware {
                ARPHRD_ETHER => Some(LinkType::Ether),
                ARPHRD_INFINIBAND => Some(LinkType::Infiniband),
                _ => None,
            },
            ..Self::default()
        };
        let (mut master, mut is_of_bond) = (None, false);
        let mut rest = body;
        while let Some((_, kind)) = header(rest) {
            if kind == IFLA_VFINFO_LIST {
                let (vfs, after) = parse_list(rest, link.num_vf, parse_entry);
                link.vfs = Some(vfs);
                rest = after;
                continue;
            }
            let (attribute, after) =
                Attribute::split(rest).ok_or(Malformed("the length of a link's attribute"))?;
            rest = after;
            match kind {
                IFLA_IFNAME => link.name = printable(attribute.text()),
                IFLA_MTU => link.mtu = attribute.u32().unwrap_or_default(),
                IFLA_ADDRESS => link.mac = hardware_address(attribute.value),
                IFLA_PERM_ADDRESS => link.permanent_mac = hardware_address(attribute.value),
                IFLA_CARRIER => link.carrier = attribute.u8() == Some(1),
                IFLA_XDP => {
                    let attached = find(attribute.value, IFLA_XDP_ATTACHED);
                    link.xdp = attached.and_then(|it| it.u8()).is_some_and(|how| how != 0);
                }
                IFLA_MASTER => master = attribute.u32(),
                IFLA_LINKINFO => {
                    let mut within = attributes(attribute.value);
                    let kind = within.find(|it| it.kind == IFLA_INFO_SLAVE_KIND);
                    is_of_bond = kind.is_some_and(|it| matches!(it.text(), b"bond" | b"team"));
                }
                IFLA_NUM_VF => link.num_vf = attribute.u32(),
                IFLA_PHYS_PORT_NAME => link.port_name = Some(printable(attribute.text())),
                IFLA_PARENT_DEV_NAME => link.parent_device = Some(printable(attribute.text())),
                IFLA_PROP_LIST => link.altnames.extend(
                    attributes(attribute.value)
                        .filter(|property| property.kind == IFLA_ALT_IFNAME)
                        .map(|property| printable(property.text())),
                ),
                _ => {}
            }
        }
        link.bond = master.filter(|_| is_of_bond);
        Ok(link)
    }

    /// Whether the list of VFs, if the driver keeps one, holds as many as the kernel announced.
    pub fn vf_list_complete(&self) -> bool {
        match (&self.vfs, self.num_vf) {
            (Some(vfs), Some(announced)) => usize::try_from(announced) == Ok(vfs.len()),
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests;
