//! Answers of the kernel that runs the tests, and such as it gives rarely.

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

fn answer(kind: u16, flags: u16, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(16 + payload.len()).unwrap();
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend(payload);
    bytes
}

fn read(bytes: &[u8]) -> Result<(), NetlinkError> {
    outcome(&NetlinkBuffer::new_checked(bytes).unwrap())
}

fn words(text: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + text.len()).unwrap();
    [
        &length.to_ne_bytes(),
        &NLMSGERR_ATTR_MSG.to_ne_bytes(),
        text,
    ]
    .concat()
}

#[test]
fn refusals_carry_the_kernel_s_words() {
    let refused = |detail: Option<&str>| {
        let detail = detail.map(str::to_owned);
        Err(NetlinkError::Kernel {
            errno: Errno::INVAL,
            detail,
        })
    };
    let number = (-22_i32).to_ne_bytes().to_vec();
    let header = [vec![20, 0, 0, 0], vec![0; 12]].concat();
    let text = words(b"mtu greater than device maximum\0");

    // The whole request of 20 bytes, or its header alone, comes before the words.
    let whole = [&number[..], &header, &[1, 2, 3, 4], &text].concat();
    let capped = [&number[..], &header, &text].concat();
    let expected = refused(Some("mtu greater than device maximum"));
    assert_eq!(read(&answer(NLMSG_ERROR, NLM_F_ACK_TLVS, &whole)), expected);
    let flags = NLM_F_ACK_TLVS | NLM_F_CAPPED;
    assert_eq!(read(&answer(NLMSG_ERROR, flags, &capped)), expected);
    // A dump's end gives no request back.
    let done = [&number[..], &text].concat();
    assert_eq!(read(&answer(NLMSG_DONE, NLM_F_ACK_TLVS, &done)), expected);
    assert_eq!(read(&answer(NLMSG_ERROR, 0, &whole)), refused(None));
}

#[test]
fn acknowledgements_and_nonsense() {
    assert_eq!(read(&answer(NLMSG_ERROR, 0, &[0; 20])), Ok(()));
    assert_eq!(read(&answer(NLMSG_DONE, 0, &[])), Ok(()));
    for number in [22_i32, i32::MIN, -5000] {
        let read = read(&answer(NLMSG_ERROR, 0, &number.to_ne_bytes()));
        assert!(matches!(read, Err(NetlinkError::Malformed(_))), "{number}");
    }
    // Words that would lie behind the end.
    let payload = [(-22_i32).to_ne_bytes(), u32::MAX.to_ne_bytes()].concat();
    let refused = read(&answer(NLMSG_ERROR, NLM_F_ACK_TLVS, &payload)).unwrap_err();
    assert_eq!(refused.errno(), Some(Errno::INVAL));
}
