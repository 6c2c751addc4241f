//! Addresses as the kernel sends them.

use super::InterfaceAddress;

fn message(attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![2, 24, 0, 0];
    bytes.extend(5_u32.to_ne_bytes());
    for (kind, value) in attributes {
        let length = u16::try_from(4 + value.len()).unwrap();
        bytes.extend([length.to_ne_bytes(), kind.to_ne_bytes()].concat());
        bytes.extend(*value);
    }
    bytes
}

fn read(attributes: &[(u16, &[u8])]) -> Option<(u32, String, bool)> {
    let read = InterfaceAddress::parse(&message(attributes)).unwrap()?;
    Some((
        read.interface,
        read.address.to_string(),
        read.is_link_local(),
    ))
}

#[test]
fn our_end_of_a_link_is_the_address() {
    let both: [(u16, &[u8]); 2] = [(1, &[10, 0, 0, 2]), (2, &[10, 0, 0, 1])];
    assert_eq!(read(&both), Some((5, "10.0.0.1".to_owned(), false)));
    assert_eq!(read(&both[..1]), Some((5, "10.0.0.2".to_owned(), false)));
}

#[test]
fn link_local_is_said_of_both_families() {
    assert_eq!(
        read(&[(1, &[169, 254, 0, 1])]),
        Some((5, "169.254.0.1".to_owned(), true))
    );
    let mut v6 = [0; 16];
    (v6[0], v6[1], v6[15]) = (0xfe, 0x80, 1);
    assert_eq!(read(&[(1, &v6)]), Some((5, "fe80::1".to_owned(), true)));
    (v6[0], v6[1]) = (0xfd, 0);
    assert_eq!(read(&[(1, &v6)]), Some((5, "fd00::1".to_owned(), false)));
}

#[test]
fn other_families_have_no_ip_address() {
    assert_eq!(read(&[(1, &[0xde, 0xad])]), None);
    assert_eq!(read(&[]), None);
    assert!(InterfaceAddress::parse(&[2, 24]).is_err());
}
