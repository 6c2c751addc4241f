//! Routes as the kernel sends them.

use super::*;

const STATIC: u8 = 4;

fn message(protocol: u8, length: u8, attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![2, length, 0, 0, 254, protocol, 0, 1, 0, 0, 0, 0];
    for (kind, value) in attributes {
        let length = u16::try_from(4 + value.len()).unwrap();
        bytes.extend([length.to_ne_bytes(), kind.to_ne_bytes()].concat());
        bytes.extend(*value);
    }
    bytes
}

#[test]
fn a_route_is_told_that_somebody_made_over_the_interface() {
    let five = 5_u32.to_ne_bytes();
    let to_ten: [(u16, &[u8]); 2] = [(RTA_DST, &[10, 0, 0, 0]), (RTA_OIF, &five)];
    let read = |message: &[u8], interface| parse(message, interface).unwrap();
    let made = message(STATIC, 8, &to_ten);
    assert_eq!(read(&made, 5).as_deref(), Some("10.0.0.0/8"));
    assert_eq!(read(&made, 6), None);
    for by_itself in [RTPROT_KERNEL, RTPROT_RA, RTPROT_REDIRECT] {
        assert_eq!(read(&message(by_itself, 8, &to_ten), 5), None);
    }
    let default = message(STATIC, 0, &to_ten[1..]);
    assert_eq!(read(&default, 5).as_deref(), Some("default"));
    for length in 0..ROUTE_HEADER {
        parse(&made[..length], 5).unwrap_err();
    }
}

#[test]
fn each_of_several_ways_counts() {
    let mut ways = Vec::new();
    for index in [7_u32, 5] {
        ways.extend(16_u16.to_ne_bytes());
        ways.extend([0, 0]);
        ways.extend(index.to_ne_bytes());
        ways.extend([8, 0, 5, 0, 10, 0, 0, 1]);
    }
    let route = message(STATIC, 0, &[(RTA_MULTIPATH, &ways)]);
    for (interface, leads) in [(5, true), (7, true), (6, false)] {
        assert_eq!(parse(&route, interface).unwrap().is_some(), leads);
    }
    // Lengths that lead nowhere.
    let broken = message(STATIC, 0, &[(RTA_MULTIPATH, &[0; 24])]);
    assert_eq!(parse(&broken, 5).unwrap(), None);
}
