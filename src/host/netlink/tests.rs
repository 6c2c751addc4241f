//! Answers of the kernel that runs the tests.

use super::*;

const LOOPBACK: u32 = 1;
/// No link has it.
const NO_INTERFACE: u32 = 0x7fff_fff0;

#[test]
fn every_namespace_has_a_loopback() {
    let link = Netlink::open().unwrap().link(LOOPBACK).unwrap().unwrap();
    assert_eq!((link.index, link.name.as_str()), (LOOPBACK, "lo"));
    assert_eq!(link.link_type, None);
    assert!(link.vf_list_complete());
}

#[test]
fn an_absent_link_is_none_and_the_socket_goes_on() {
    let mut netlink = Netlink::open().unwrap();
    assert_eq!(netlink.link(NO_INTERFACE), Ok(None));
    assert!(netlink.link(LOOPBACK).unwrap().is_some());
}

#[test]
fn a_dump_has_the_link_too() {
    let mut netlink = Netlink::open().unwrap();
    let request = RouteNetlinkMessage::GetLink(message(LOOPBACK));
    let links = netlink
        .exchange
        .dump(&request, |body| Link::parse(body).map(Some))
        .unwrap();
    assert!(links.iter().any(|link| link.index == LOOPBACK));
    assert!(netlink.addresses().is_ok());
}

#[test]
fn a_namespace_to_which_nothing_went_has_no_id() {
    let own = std::fs::File::open("/proc/self/ns/net").unwrap();
    let id = Netlink::open()
        .unwrap()
        .namespace_id(std::os::fd::AsFd::as_fd(&own));
    assert_eq!(id, Ok(None));
}

#[test]
fn a_loopback_has_no_vfs_to_set() {
    let set = Netlink::open()
        .unwrap()
        .set_vf(LOOPBACK, VfIndex(0), VfSetting::Trust(true));
    let errno = set.unwrap_err().errno();
    assert!(
        matches!(errno, Some(Errno::OPNOTSUPP | Errno::PERM)),
        "{errno:?}"
    );
}
