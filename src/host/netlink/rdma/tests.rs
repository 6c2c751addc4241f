//! RDMA devices as the kernel tells of them.

use super::super::request::bytes;
use super::*;

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    bytes(&[DefaultNla::new(kind, value.to_vec())])
}

fn entry(name: &str, current: u64) -> Vec<u8> {
    let name = attribute(ATTR_RES_SUMMARY_ENTRY_NAME, format!("{name}\0").as_bytes());
    let current = attribute(ATTR_RES_SUMMARY_ENTRY_CURR, &current.to_ne_bytes());
    attribute(ATTR_RES_SUMMARY_ENTRY, &[name, current].concat())
}

#[test]
fn a_device_is_found_by_its_name() {
    let device = |index: u32, name: &str| {
        let index = attribute(ATTR_DEV_INDEX, &index.to_ne_bytes());
        let name = attribute(ATTR_DEV_NAME, format!("{name}\0").as_bytes());
        [index, name].concat()
    };
    assert_eq!(index_of(&device(3, "mlx5_3"), "mlx5_3"), Some(3));
    assert_eq!(index_of(&device(3, "mlx5_31"), "mlx5_3"), None);
    assert_eq!(index_of(&[], "mlx5_3"), None);
}

#[test]
fn contexts_of_programs_are_counted_and_nothing_else() {
    let summary = |entries: &[Vec<u8>]| attribute(ATTR_RES_SUMMARY, &entries.concat());
    let body = summary(&[
        entry("pd", 3),
        entry("qp", 4),
        entry("ctx", 2),
        entry("mr", 9),
    ]);
    assert_eq!(contexts_in(&body), 2);
    assert_eq!(contexts_in(&summary(&[entry("qp", 4)])), 0);
    for length in 0..body.len() {
        assert_eq!(contexts_in(&body[..length]), 0);
    }
}
