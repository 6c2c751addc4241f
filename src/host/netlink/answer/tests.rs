//! Answers as the kernel gives them, and such as it gives rarely.

use super::*;
use netlink_packet_core::{NLM_F_ACK, NLM_F_DUMP};

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

/// A message of a family, or of netlink itself, to the request with that sequence number.
fn of(sequence: u32, kind: u16, flags: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = answer(kind, flags, payload);
    bytes[8..12].copy_from_slice(&sequence.to_ne_bytes());
    bytes.resize(align(bytes.len()), 0);
    bytes
}

const REQUEST: u32 = 7;
const FAMILY: u16 = 30;
const NLMSG_NOOP: u16 = 1;

/// What is taken from datagrams in their order, how far that is, and how it ended.
fn taken(flags: u16, datagrams: &[&[Vec<u8>]]) -> (Vec<u8>, Replies, Result<(), NetlinkError>) {
    let mut answers = Replies::to(REQUEST, flags);
    let mut bodies = Vec::new();
    let mut result = Ok(());
    for datagram in datagrams {
        let read = answers.read(&datagram.concat(), |body| {
            bodies.push(body[0]);
            Ok(())
        });
        result = result.and(read);
    }
    (bodies, answers, result)
}

#[test]
fn an_answer_of_several_parts_ends_with_its_last() {
    let part = |body: u8| of(REQUEST, FAMILY, NLM_F_MULTIPART, &[body]);
    let done = of(REQUEST, NLMSG_DONE, NLM_F_MULTIPART, &[0; 4]);
    for flags in [0, NLM_F_DUMP] {
        let (bodies, answers, result) = taken(flags, &[&[part(1), part(2)], &[part(3)]]);
        assert_eq!((bodies, result), (vec![1, 2, 3], Ok(())));
        assert_eq!(answers.progress, Progress::Begun);
        let datagrams: [&[Vec<u8>]; 2] = [&[part(1)], &[done.clone(), part(2)]];
        let (bodies, answers, _) = taken(flags, &datagrams);
        // Nothing of this answer follows its end.
        assert_eq!((bodies, answers.progress), (vec![1], Progress::Ended));
    }
}

#[test]
fn a_single_message_is_the_answer_where_no_acknowledgement_was_asked_for() {
    let message = of(REQUEST, FAMILY, 0, &[5]);
    let (bodies, answers, _) = taken(0, &[std::slice::from_ref(&message)]);
    assert_eq!((bodies, answers.progress), (vec![5], Progress::Ended));
    let (bodies, answers, _) = taken(NLM_F_ACK, &[std::slice::from_ref(&message)]);
    assert_eq!((bodies, answers.progress), (vec![5], Progress::Begun));
    let acknowledged = of(REQUEST, NLMSG_ERROR, 0, &[0; 20]);
    let (_, answers, result) = taken(NLM_F_ACK, &[&[message], &[acknowledged]]);
    assert_eq!((answers.progress, result), (Progress::Ended, Ok(())));
}

#[test]
fn messages_to_other_requests_and_of_netlink_itself_are_skipped() {
    let datagram = [
        of(REQUEST - 1, FAMILY, 0, &[1]),
        of(REQUEST - 1, NLMSG_ERROR, 0, &(-22_i32).to_ne_bytes()),
        of(REQUEST, NLMSG_NOOP, 0, &[2]),
        of(REQUEST, FAMILY, 0, &[3]),
    ];
    let (bodies, answers, result) = taken(0, &[&datagram]);
    assert_eq!((bodies, result), (vec![3], Ok(())));
    assert_eq!(answers.progress, Progress::Ended);
}

#[test]
fn a_dump_that_was_interrupted_says_so_in_any_of_its_messages() {
    let part = |flags| of(REQUEST, FAMILY, NLM_F_MULTIPART | flags, &[1]);
    let done = |flags| of(REQUEST, NLMSG_DONE, NLM_F_MULTIPART | flags, &[0; 4]);
    for (parts, is_mixed) in [
        ([part(0), done(0)], false),
        ([part(NLM_F_DUMP_INTR), done(0)], true),
        ([part(0), done(NLM_F_DUMP_INTR)], true),
    ] {
        let (_, answers, _) = taken(NLM_F_DUMP, &[&parts]);
        assert_eq!(answers.is_mixed, is_mixed);
    }
}

#[test]
fn an_answer_that_does_not_end_well_is_known_to_have_ended() {
    let refused = of(
        REQUEST,
        NLMSG_DONE,
        NLM_F_MULTIPART,
        &(-1_i32).to_ne_bytes(),
    );
    let (_, answers, result) = taken(NLM_F_DUMP, &[&[refused]]);
    assert_eq!(result.unwrap_err().errno(), Some(Errno::PERM));
    assert_eq!(answers.progress, Progress::Ended);
    // A body that cannot be read does not end a dump.
    let part = of(REQUEST, FAMILY, NLM_F_MULTIPART, &[1]);
    let mut answers = Replies::to(REQUEST, NLM_F_DUMP);
    let read = answers.read(&part, |_| Err(Malformed("it")));
    assert_eq!(read, Err(Malformed("it").into()));
    assert_eq!(answers.progress, Progress::Begun);
}

#[test]
fn a_datagram_may_be_cut_anywhere() {
    let whole = of(REQUEST, FAMILY, 0, &[1, 2, 3, 4]);
    for length in 1..whole.len() {
        let mut answers = Replies::to(REQUEST, 0);
        let read = answers.read(&whole[..length], |_| Ok(()));
        assert!(matches!(read, Err(NetlinkError::Malformed(_))), "{length}");
    }
}
