//! Messages built by hand, as the kernel builds them: also those that lie about their length.

use super::{ARPHRD_ETHER, Link};
use proptest::prelude::*;
use sriovd_core::model::{LinkType, MacAddress, TxRate, VfIndex, Vlan, VlanProto};

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    // The kernel's own cast: a list longer than 16 bits can tell wraps.
    let length = u32::try_from(4 + value.len()).unwrap().to_ne_bytes();
    let low = if cfg!(target_endian = "little") {
        [length[0], length[1]]
    } else {
        [length[2], length[3]]
    };
    let mut bytes = [low, kind.to_ne_bytes()].concat();
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

/// One VF as `rtnl_fill_vfinfo` writes it without statistics: 196 bytes.
fn entry(vf: u32, unreported: u32) -> Vec<u8> {
    let mut mac = words(&[vf]);
    let [a, b, c, d] = vf.to_be_bytes();
    mac.extend([2, 0, a, b, c, d]);
    mac.resize(36, 0);
    let mut vlan = words(&[vf, 100, 3]);
    vlan.extend([0x88, 0xa8, 0, 0]);
    let mut broadcast = vec![0xff; 6];
    broadcast.resize(32, 0);
    let parts = [
        attribute(1, &mac),
        attribute(13, &broadcast),
        attribute(2, &words(&[vf, 100, 3])),
        attribute(6, &words(&[vf, 10, 1000])),
        attribute(3, &words(&[vf, 1000])),
        attribute(4, &words(&[vf, unreported])),
        attribute(5, &words(&[vf, 1])),
        attribute(7, &words(&[vf, unreported])),
        attribute(9, &words(&[vf, unreported])),
        attribute(12, &attribute(1, &vlan)),
    ];
    attribute(1, &parts.concat())
}

fn message(attributes: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = vec![0, 0];
    bytes.extend(ARPHRD_ETHER.to_ne_bytes());
    bytes.extend(words(&[7, 1, 0]));
    bytes.extend(attributes.concat());
    bytes
}

/// A PF with `announced` VFs of which `listed` are in the list, and attributes behind it.
fn pf(announced: u32, listed: u32) -> Vec<u8> {
    let list: Vec<u8> = (0..listed).flat_map(|vf| entry(vf, u32::MAX)).collect();
    message(&[
        attribute(3, b"ens1f0\0"),
        attribute(4, &words(&[9000])),
        attribute(33, &[1]),
        attribute(1, &[2, 0, 0, 0, 0, 2]),
        attribute(21, &words(&[announced])),
        attribute(22, &list),
        attribute(
            0x8000 | 52,
            &[attribute(53, b"enp1s0f0\0"), attribute(53, b"enx1\0")].concat(),
        ),
        attribute(54, &[2, 0, 0, 0, 0, 1]),
        attribute(56, b"0000:01:00.0\0"),
    ])
}

#[test]
fn reads_a_pf() {
    let link = Link::parse(&pf(2, 2)).unwrap();
    assert_eq!(
        (link.index, link.name.as_str(), link.mtu),
        (7, "ens1f0", 9000)
    );
    assert_eq!((link.up, link.carrier), (true, true));
    assert_eq!(link.link_type, Some(LinkType::Ether));
    assert_eq!(link.permanent_mac, Some(MacAddress([2, 0, 0, 0, 0, 1])));
    assert_eq!(
        link.altnames.iter().collect::<Vec<_>>(),
        ["enp1s0f0", "enx1"]
    );
    assert_eq!(link.parent_device.as_deref(), Some("0000:01:00.0"));
    assert!(link.vf_list_complete());
    let vf = link.vfs.unwrap()[&VfIndex(1)];
    assert_eq!(vf.mac, Some(MacAddress([2, 0, 0, 0, 0, 1])));
    assert_eq!(
        vf.vlan,
        Some(Vlan {
            id: 100,
            qos: 3,
            proto: VlanProto::Dot1ad
        })
    );
    assert_eq!(vf.tx_rate, Some(TxRate { min: 10, max: 1000 }));
    assert_eq!(
        (vf.trust, vf.spoof_check, vf.query_rss),
        (None, None, None),
        "-1 is not off"
    );
}

#[test]
fn the_present_address_is_no_permanent_one() {
    let link = Link::parse(&message(&[attribute(1, &[2, 0, 0, 0, 0, 2])])).unwrap();
    assert_eq!(link.mac, Some(MacAddress([2, 0, 0, 0, 0, 2])));
    assert_eq!(link.permanent_mac, None);
    // 20 bytes of InfiniBand: the MAC in the GUID at the end.
    let mut address = vec![0; 12];
    address.extend([0x24, 0x8a, 0x07, 0x03, 0x00, 0xad, 0x0b, 0x38]);
    let link = Link::parse(&message(&[attribute(1, &address)])).unwrap();
    let mac = MacAddress([0x24, 0x8a, 0x07, 0xad, 0x0b, 0x38]);
    assert_eq!(link.mac, Some(mac));
}

/// From 335 VFs on the list's length is less than its content.
#[test]
fn reads_lists_whose_length_wrapped() {
    for count in [1, 220, 333, 334, 335, 336, 400, 1003, 4000] {
        let link = Link::parse(&pf(count, count)).unwrap();
        assert!(link.vf_list_complete(), "{count}");
        let vfs = link.vfs.as_ref().unwrap();
        let last = VfIndex(u16::try_from(count - 1).unwrap());
        assert_eq!(vfs.keys().next_back(), Some(&last));
        assert!(
            vfs.iter()
                .all(|(index, vf)| vf.mac.unwrap().0[4..] == index.0.to_be_bytes())
        );
        assert_eq!(
            link.altnames.len(),
            2,
            "what follows the list of {count} is lost"
        );
        assert_eq!(link.permanent_mac, Some(MacAddress([2, 0, 0, 0, 0, 1])));
    }
}

/// A driver that fails for a VF leaves it out.
#[test]
fn a_short_list_is_noticed() {
    for (announced, listed) in [(1, 0), (7, 5), (334, 333), (400, 399)] {
        let link = Link::parse(&pf(announced, listed)).unwrap();
        assert!(!link.vf_list_complete(), "{listed} of {announced}");
        assert_eq!(link.altnames.len(), 2);
    }
}

#[test]
fn no_list_is_not_a_short_one() {
    let link = Link::parse(&message(&[attribute(21, &words(&[4]))])).unwrap();
    assert_eq!((link.num_vf, &link.vfs), (Some(4), &None));
    assert!(link.vf_list_complete());
}

#[test]
fn without_an_announcement_the_length_decides() {
    let list = [entry(0, 1), entry(1, 1)].concat();
    let link = Link::parse(&message(&[attribute(22, &list), attribute(3, b"ens1\0")])).unwrap();
    assert_eq!((link.vfs.unwrap().len(), link.name.as_str()), (2, "ens1"));
}

#[test]
fn a_port_of_a_bond_or_team_is_told_from_one_of_a_bridge() {
    for (kind, bond) in [
        ("bond", Some(9)),
        ("team", Some(9)),
        ("bridge", None),
        ("vrf", None),
    ] {
        let kind = attribute(4, format!("{kind}\0").as_bytes());
        let port = message(&[attribute(10, &words(&[9])), attribute(0x8000 | 18, &kind)]);
        assert_eq!(Link::parse(&port).unwrap().bond, bond, "{kind:?}");
    }
    let alone = message(&[attribute(18, &attribute(1, b"bond\0"))]);
    assert_eq!(Link::parse(&alone).unwrap().bond, None);
}

/// The kernel tells the operational state up to a second late.
#[test]
fn the_carrier_is_not_the_operational_state() {
    let link = Link::parse(&message(&[attribute(33, &[0]), attribute(16, &[6])])).unwrap();
    assert!(!link.carrier);
}

#[test]
fn a_name_that_would_change_a_terminal_is_made_plain() {
    let link = Link::parse(&message(&[attribute(3, b"a\x1b[2J\xff b\0")])).unwrap();
    assert_eq!(link.name, "a?[2J??b");
}

#[test]
fn a_message_that_is_cut_off_is_malformed_or_short() {
    let whole = pf(3, 3);
    assert!(Link::parse(&whole[..15]).is_err());
    assert!(Link::parse(&whole[..whole.len() - 10]).is_err());
    let list = attribute(
        22,
        &(0..3)
            .flat_map(|vf| entry(vf, u32::MAX))
            .collect::<Vec<_>>(),
    );
    let start = whole
        .windows(list.len())
        .position(|bytes| bytes == list)
        .unwrap();
    for length in start + 4..start + list.len() {
        let link = Link::parse(&whole[..length]).unwrap();
        assert!(!link.vf_list_complete(), "{length}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = Link::parse(&bytes);
    }

    /// Lengths, kinds and numbers of VFs that a kernel would not write.
    #[test]
    fn hostile_changes_never_hurt(
        announced in any::<u32>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let mut bytes = pf(announced, 4);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Ok(link) = Link::parse(&bytes) {
            prop_assert!(link.vfs.is_none_or(|vfs| vfs.len() <= 4 * 196));
        }
    }
}
