//! Messages as `ethtool -k` and `-K` send and get them.

use super::*;

/// A set as a list of names, each with its number and whether it is in the set.
fn listed(kind: u16, features: &[(u32, &str, bool)]) -> DefaultNla {
    let bits = features.iter().map(|(index, name, is_in)| {
        let mut bit = vec![number(BIT_INDEX, *index), text(BIT_NAME, name)];
        bit.extend(is_in.then(|| DefaultNla::new(BIT_VALUE, Vec::new())));
        nested(BIT, &bit)
    });
    nested(kind, &[nested(BITSET_BITS, &bits.collect::<Vec<_>>())])
}

fn packed(kind: u16, words: [u32; 2]) -> DefaultNla {
    let words = words.map(u32::to_ne_bytes).concat();
    nested(kind, &[number(2, 64), DefaultNla::new(BITSET_VALUE, words)])
}

#[test]
fn the_feature_is_read_from_a_list_of_names() {
    let answer = |in_hardware: bool, active: bool, fixed: bool| {
        let one = |is_in: bool| match is_in {
            true => vec![(40, "rx-gro-hw", true), (41, TC_OFFLOAD, true)],
            false => vec![(40, "rx-gro-hw", true)],
        };
        bytes(&[
            header(&[number(HEADER_DEV_INDEX, 7)]),
            listed(
                FEATURES_HW,
                &[(40, "rx-gro-hw", true), (41, TC_OFFLOAD, in_hardware)],
            ),
            listed(FEATURES_WANTED, &one(true)),
            listed(FEATURES_ACTIVE, &one(active)),
            listed(FEATURES_NOCHANGE, &one(fixed)),
        ])
    };
    for (answer, on) in [
        (answer(true, true, false), Some(true)),
        (answer(true, false, false), Some(false)),
        (answer(false, true, false), None),
        (answer(true, true, true), None),
    ] {
        assert_eq!(by_name(&answer), Ok(Some(TcOffload { on, bit: 41 })));
    }
    let old = bytes(&[listed(FEATURES_HW, &[(0, "tx-scatter-gather", true)])]);
    assert_eq!(by_name(&old), Ok(None));
    assert!(by_name(&[]).is_err());
}

#[test]
fn the_feature_is_read_from_words_of_bits() {
    let answer = |hardware: [u32; 2], active: [u32; 2], fixed: [u32; 2]| {
        bytes(&[
            header(&[number(HEADER_DEV_INDEX, 7), text(2, "ens1")]),
            packed(FEATURES_HW, hardware),
            packed(FEATURES_WANTED, active),
            packed(FEATURES_ACTIVE, active),
            packed(FEATURES_NOCHANGE, fixed),
        ])
    };
    let bit = [0, 1 << 9];
    for (answer, on) in [
        (answer(bit, bit, [0, 0]), Some(true)),
        (answer(bit, [1 << 9, 0], [0, 0]), Some(false)),
        (answer([1 << 9, 0], bit, [0, 0]), None),
        (answer(bit, bit, bit), None),
    ] {
        assert_eq!(by_number(&answer, 41), Ok((7, on)));
    }
    assert!(by_number(&answer(bit, bit, bit), 64).is_err());
    assert!(by_number(&[], 41).is_err());
}

#[test]
fn this_kernel_tells_the_same_of_the_loopback_interface_both_ways() {
    let Some(told) = tc_offload(1).unwrap() else {
        return;
    };
    assert_eq!(tc_offloads(told.bit).unwrap().get(&1), Some(&told.on));
    assert_eq!(tc_offload(u32::MAX >> 1), Ok(None));
}
