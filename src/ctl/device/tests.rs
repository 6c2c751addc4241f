//! Speeds as people say them.

use super::*;

#[test]
fn a_speed_is_short_and_never_rounded() {
    let table = [
        (10, "10M"),
        (1000, "1G"),
        (2500, "2.5G"),
        (25000, "25G"),
        (1234, "1234M"),
    ];
    for (mbits, text) in table {
        assert_eq!(speed(mbits), text);
    }
}
