//! What lending comes to.

use super::*;

#[test]
fn the_mac_that_a_pf_gave_is_the_one_set_or_the_one_before_but_never_all_zeros() {
    let with = |mac| VfSettings {
        mac,
        ..VfSettings::default()
    };
    let (one, other) = (
        MacAddress([2, 0, 0, 0, 0, 1]),
        MacAddress([2, 0, 0, 0, 0, 2]),
    );
    for (set, before, is) in [
        (Some(one), Some(other), Some(one)),
        (None, Some(other), Some(other)),
        (None, Some(MacAddress::ZERO), None),
        (None, None, None),
    ] {
        assert_eq!(admin_mac(&with(set), &with(before)), is);
    }
}
