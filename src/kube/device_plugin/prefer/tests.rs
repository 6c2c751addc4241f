//! Which VFs are preferred.

use super::super::fixture::*;
use super::*;
use serde_json::json;

/// PFs 1 and 2 are on one NUMA node below one root, 9 on another. `available` and the others as `bus.index`.
fn preferred(available: &str, must: &str, size: usize, spread: Spread) -> String {
    let mut held = vf(2, 3, "fast");
    held["holders"] = json!([{ "kind": "namespace", "name": "blue" }]);
    let vfs = |bus, count| {
        (0..count)
            .map(|index| vf(bus, index, "fast"))
            .collect::<Vec<_>>()
    };
    let mut second = vfs(2, 3);
    second.push(held);
    let offer = offer(vec![pf(1, vfs(1, 4)), pf(2, second), pf(9, vfs(9, 4))]);
    let devices = offer.resources.values().next().unwrap();
    let ids = |text: &str| -> Vec<String> {
        let id = |it: &str| {
            let (bus, index) = it.split_once('.').unwrap();
            vf_address(bus.parse().unwrap(), index.parse().unwrap())
        };
        text.split_whitespace().map(id).collect()
    };
    let chosen = prefer(devices, &ids(available), &ids(must), size, spread);
    let short = |vf: &PciAddress| {
        let text = vf.to_string();
        format!(
            "{}.{}",
            u8::from_str_radix(&text[5..7], 16).unwrap(),
            &text[11..]
        )
    };
    chosen.iter().map(short).collect::<Vec<_>>().join(" ")
}

#[test]
fn vfs_are_taken_where_they_fit_best() {
    use super::Spread::{Pack, Spread};
    for (available, must, size, spread, expected) in [
        // Packed: where least is left, and then from the same PF.
        ("1.0 1.1 1.2 2.0 2.1", "", 1, Pack, "2.0"),
        ("1.0 1.1 1.2 2.0 2.1", "", 3, Pack, "2.0 2.1 1.0"),
        ("1.0 1.1 2.0 2.1", "", 2, Pack, "1.0 1.1"),
        // Spread: where most is left, and then from others.
        ("1.0 1.1 1.2 2.0 2.1", "", 1, Spread, "1.0"),
        ("1.0 1.1 1.2 2.0 2.1", "", 3, Spread, "1.0 2.0 1.1"),
        // What must be included comes first, and the others are near to it.
        ("1.0 1.1 2.0 9.0 9.1", "9.1", 2, Pack, "9.1 9.0"),
        ("1.0 1.1 2.0 9.0 9.1", "2.0", 2, Pack, "2.0 1.0"),
        ("1.0 2.0 2.1 9.0 9.1", "9.1", 2, Spread, "9.1 9.0"),
        // NUMA nodes before the spread over PFs.
        ("1.0 1.1 9.0", "", 2, Spread, "1.0 1.1"),
        // What something else holds comes last.
        ("2.3 1.0 1.1", "", 1, Pack, "1.0"),
        ("2.3 1.0", "", 2, Pack, "1.0 2.3"),
        // Less than asked for where there is no more; unknown ones are not ours to choose.
        ("1.0", "", 3, Pack, "1.0"),
        ("1.0 4.0", "4.1", 2, Pack, "1.0"),
        ("1.0 1.1", "1.0 1.1", 1, Pack, "1.0 1.1"),
        ("", "", 1, Pack, ""),
    ] {
        let got = preferred(available, must, size, spread);
        assert_eq!(got, expected, "{available} with {must}, {spread:?}");
    }
}
