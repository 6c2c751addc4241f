//! A link with two VFs, as an igb PF tells of it.

use super::*;

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).unwrap();
    let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn vf(index: u32, counters: &[(u16, u64)]) -> Vec<u8> {
    let mac = attribute(IFLA_VF_MAC, &[&index.to_ne_bytes()[..], &[0; 32]].concat());
    let each = counters.iter();
    let each = each.map(|(kind, value)| attribute(*kind, &value.to_ne_bytes()));
    let counted = attribute(IFLA_VF_STATS, &each.collect::<Vec<_>>().concat());
    attribute(1, &[mac, counted].concat())
}

#[test]
fn every_counter_finds_its_place() {
    let counters = [
        (0, 1),
        (1, 2),
        (2, 3),
        (3, 4),
        (4, 5),
        (5, 6),
        (7, 7),
        (8, 8),
        (9, 9),
    ];
    let vfs = [vf(0, &counters), vf(5, &[(2, u64::MAX)])].concat();
    let mut message = vec![0; LINK_HEADER];
    message.extend(attribute(IFLA_NUM_VF, &2_u32.to_ne_bytes()));
    message.extend(attribute(IFLA_VFINFO_LIST, &vfs));
    let found = parse(&message).unwrap();
    let first = VfStatistics {
        rx_packets: 1,
        tx_packets: 2,
        rx_bytes: 3,
        tx_bytes: 4,
        rx_broadcast: 5,
        rx_multicast: 6,
        rx_dropped: 7,
        tx_dropped: 8,
    };
    let second = VfStatistics {
        rx_bytes: u64::MAX,
        ..VfStatistics::default()
    };
    assert_eq!(
        found,
        Statistics::from([(VfIndex(0), first), (VfIndex(5), second)])
    );
}

#[test]
fn a_link_without_vfs_has_none() {
    assert_eq!(parse(&[0; LINK_HEADER]).unwrap(), Statistics::new());
    assert!(parse(&[0; 3]).is_err());
}
