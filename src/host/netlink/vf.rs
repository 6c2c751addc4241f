//! `IFLA_VFINFO_LIST`: what a PF tells of its VFs, read from raw bytes, and how it is told.
//!
//! Typed parsers lose two things: -1, which means that the driver does not report an attribute,
//! and every VF past the 334th (221st with statistics), where the 16 bits of the list's length
//! wrap while the message still carries all entries.

use super::attributes::{Attribute, HEADER, align, attributes, find, header, u32_at};
use netlink_packet_core::DefaultNla;
use netlink_packet_route::link::{
    LinkAttribute, LinkVfInfo, VfInfo, VfInfoLinkState, VfInfoMac, VfInfoRate, VfLinkState, VfVlan,
    VfVlanInfo, VlanProtocol,
};
use sriovd_core::model::attribute::Value;
use sriovd_core::model::{
    LinkState, MacAddress, TxRate, VfAttribute, VfIndex, VfSetting, VfSettings, Vlan, VlanProto,
};
use std::collections::BTreeMap;

const IFLA_VF_INFO: u16 = 1;

const IFLA_VF_MAC: u16 = 1;
const IFLA_VF_VLAN: u16 = 2;
const IFLA_VF_TX_RATE: u16 = 3;
const IFLA_VF_LINK_STATE: u16 = 5;
const IFLA_VF_RATE: u16 = 6;
const IFLA_VF_VLAN_LIST: u16 = 12;

const IFLA_VF_VLAN_INFO: u16 = 1;

const ETH_P_8021Q: u16 = 0x8100;
const ETH_P_8021AD: u16 = 0x88a8;

/// Reads the list that begins at `list` (with its own header) in a message that announced
/// `announced` VFs. Returns the VFs and what follows the list.
pub(super) fn parse_list<T>(
    list: &[u8],
    announced: Option<u32>,
    parse_entry: fn(&[u8]) -> Option<(VfIndex, T)>,
) -> (BTreeMap<VfIndex, T>, &[u8]) {
    let declared = header(list).map_or(0, |(length, _)| length);
    // Without a count the length is all there is to go by.
    let (limit, most) = match announced {
        Some(count) => (list.len(), count),
        None => (declared.min(list.len()), u32::MAX),
    };
    let mut vfs = BTreeMap::new();
    let mut taken = 0;
    let mut at = HEADER;
    while taken < most
        && let Some((entry, after)) = list.get(at..limit).and_then(Attribute::split)
        && entry.kind == IFLA_VF_INFO
        && let Some((index, settings)) = parse_entry(entry.value)
    {
        vfs.insert(index, settings);
        taken += 1;
        at = limit - after.len();
    }
    // A list ends where it says, unless more was read than that: then its length wrapped.
    let end = at.max(declared);
    (vfs, list.get(align(end)..).unwrap_or_default())
}

/// One VF. `None` for what is no such entry.
pub(super) fn parse_entry(entry: &[u8]) -> Option<(VfIndex, VfSettings)> {
    let mut index = None;
    let mut settings = VfSettings::default();
    for attribute in attributes(entry) {
        let word = |at: usize| u32_at(attribute.value, 4 * at);
        let switch = || {
            word(1)
                .filter(|value| *value != u32::MAX)
                .map(|value| value != 0)
        };
        match attribute.kind {
            IFLA_VF_MAC => {
                index = word(0);
                let bytes = attribute.value.get(4..10)?;
                settings.mac = Some(MacAddress(bytes.try_into().ok()?));
            }
            // Older kernels send only this form, newer ones both.
            IFLA_VF_VLAN if settings.vlan.is_none() => {
                settings.vlan = vlan(word(1)?, word(2)?, ETH_P_8021Q);
            }
            IFLA_VF_VLAN_LIST => {
                let tag = find(attribute.value, IFLA_VF_VLAN_INFO);
                settings.vlan = tag.and_then(|tag| {
                    let proto = tag.value.get(12..14)?.try_into().ok()?;
                    vlan(
                        u32_at(tag.value, 4)?,
                        u32_at(tag.value, 8)?,
                        u16::from_be_bytes(proto),
                    )
                });
            }
            IFLA_VF_TX_RATE if settings.tx_rate.is_none() => {
                settings.tx_rate = word(1).map(|max| TxRate { min: 0, max });
            }
            IFLA_VF_RATE => {
                settings.tx_rate = Some(TxRate {
                    min: word(1)?,
                    max: word(2)?,
                });
            }
            IFLA_VF_LINK_STATE => {
                settings.link_state = LinkState::of_kernel(word(1)?);
            }
            other => {
                let told = VfAttribute::switches().find(|(facts, _)| facts.netlink == other);
                if let (Some((_, make)), Some(on)) = (told, switch()) {
                    settings.set(make(on));
                }
            }
        }
    }
    Some((VfIndex(u16::try_from(index?).ok()?), settings))
}

fn vlan(id: u32, qos: u32, proto: u16) -> Option<Vlan> {
    Some(Vlan {
        id: u16::try_from(id).ok()?,
        qos: u8::try_from(qos).ok()?,
        proto: match proto {
            // Drivers that know no other may leave it empty.
            ETH_P_8021Q | 0 => VlanProto::Dot1q,
            ETH_P_8021AD => VlanProto::Dot1ad,
            _ => return None,
        },
    })
}

/// What `ip link set … vf N …` sends for one attribute. Several in one message would not be
/// atomic: the kernel stops at the first that fails.
pub(super) fn setting(vf: VfIndex, setting: VfSetting) -> LinkAttribute {
    let vf = u32::from(vf.0);
    let info = match setting.value() {
        Value::Switch(on) => {
            let words = [vf.to_ne_bytes(), u32::from(on).to_ne_bytes()].concat();
            VfInfo::Other(DefaultNla::new(setting.attribute().facts().netlink, words))
        }
        Value::Mac(mac) => VfInfo::Mac(VfInfoMac::new(vf, &mac.0)),
        Value::Vlan(Vlan { id, qos, proto }) => {
            let proto = match proto {
                VlanProto::Dot1q => VlanProtocol::Ieee8021Q,
                VlanProto::Dot1ad => VlanProtocol::Ieee8021Ad,
            };
            let info = VfVlanInfo::new(vf, u32::from(id), u32::from(qos), proto);
            VfInfo::VlanList(vec![VfVlan::Info(info)])
        }
        Value::TxRate(TxRate { min, max }) => VfInfo::Rate(VfInfoRate::new(vf, min, max)),
        Value::LinkState(state) => {
            let state = match state {
                LinkState::Auto => VfLinkState::Auto,
                LinkState::Enable => VfLinkState::Enable,
                LinkState::Disable => VfLinkState::Disable,
            };
            VfInfo::LinkState(VfInfoLinkState::new(vf, state))
        }
    };
    LinkAttribute::VfInfoList(vec![LinkVfInfo(vec![info])])
}

#[cfg(test)]
mod tests;
