//! Pools out of a node state.

use super::*;
use serde_json::json;

fn pools(state: &serde_json::Value) -> Vec<(String, Vec<String>)> {
    let pools = parse(state.to_string().as_bytes()).unwrap().into_iter();
    let named = |vf: PoolVf| format!("{} {} {}", vf.pf_name, vf.vf, vf.address);
    pools
        .map(|(pool, vfs)| (pool.to_string(), vfs.into_iter().map(named).collect()))
        .collect()
}

#[test]
fn a_pool_is_made_of_the_vfs_of_its_shares_that_are_there() {
    let state = json!({
        "spec": {"interfaces": [{
            "pciAddress": "0000:01:00.0",
            "vfGroups": [
                {"resourceName": "front", "vfRange": "0-1"},
                {"resourceName": "back", "vfRange": "2-7"},
                {"vfRange": "8-9"},
            ],
        }, {
            "pciAddress": "0000:02:00.0",
            "vfGroups": [{"resourceName": "gone", "vfRange": "0-0"}],
        }]},
        "status": {"interfaces": [{
            "pciAddress": "0000:01:00.0",
            "name": "ens1",
            "Vfs": [
                {"vfID": 0, "pciAddress": "0000:01:10.0"},
                {"vfID": 1, "pciAddress": "0000:01:10.2"},
                {"vfID": 2, "pciAddress": "0000:01:10.4"},
            ],
        }]},
    });
    let front = ["ens1 0 0000:01:10.0", "ens1 1 0000:01:10.2"];
    let expected = [
        ("back", &["ens1 2 0000:01:10.4"][..]),
        ("front", &front),
        ("gone", &[]),
    ];
    let expected = expected.map(|(pool, vfs)| {
        let vfs: Vec<_> = vfs.iter().map(|vf| (*vf).to_owned()).collect();
        (pool.to_owned(), vfs)
    });
    assert_eq!(pools(&state), expected);
}
