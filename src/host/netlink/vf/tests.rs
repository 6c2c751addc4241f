//! What is sent is what is read back.

use super::{parse_entry, parse_list, setting};
use netlink_packet_core::Emitable;
use sriovd_core::model::{
    LinkState, MacAddress, TxRate, VfAttribute, VfIndex, VfSetting, VfSettings, Vlan, VlanProto,
};

/// A set carries one attribute alone; the MAC makes it an entry of a list.
fn read_back(sent: VfSetting) -> VfSettings {
    let emitted = |given: VfSetting| {
        let attribute = setting(VfIndex(3), given);
        let mut bytes = vec![0; attribute.buffer_len()];
        attribute.emit(&mut bytes);
        bytes
    };
    // Both begin with the headers of the list and of its one entry.
    let mut list = emitted(VfSetting::Mac(MacAddress::ZERO));
    list.extend_from_slice(&emitted(sent)[8..]);
    let length = u16::try_from(list.len()).unwrap();
    list[..2].copy_from_slice(&length.to_ne_bytes());
    list[4..6].copy_from_slice(&(length - 4).to_ne_bytes());
    let (vfs, rest) = parse_list(&list, Some(1), parse_entry);
    assert_eq!(rest, [0; 0]);
    vfs[&VfIndex(3)]
}

#[test]
fn every_attribute_comes_back() {
    let vlan = |id, qos, proto| VfSetting::Vlan(Vlan { id, qos, proto });
    let switches = VfAttribute::switches();
    let switches = switches.flat_map(|(_, make)| [make(true), make(false)]);
    let others = [
        VfSetting::Mac(MacAddress([2, 1, 2, 3, 4, 5])),
        vlan(100, 3, VlanProto::Dot1q),
        vlan(4094, 7, VlanProto::Dot1ad),
        vlan(0, 0, VlanProto::Dot1q),
        VfSetting::TxRate(TxRate {
            min: 1,
            max: 70_000,
        }),
        VfSetting::LinkState(LinkState::Auto),
        VfSetting::LinkState(LinkState::Enable),
        VfSetting::LinkState(LinkState::Disable),
    ];
    for sent in switches.chain(others) {
        assert_eq!(read_back(sent).get(sent.attribute()), Some(sent));
    }
}
