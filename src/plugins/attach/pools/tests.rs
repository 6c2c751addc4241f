//! Pools that are there, and what is said where they are not.

use super::*;
use serde_json::{Value, json};
use sriovd_core::model::{PoolPf, VfIndex};

fn root_with(files: &[(&str, &Value)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join("run/sriovd")).unwrap();
    for (file, content) in files {
        std::fs::write(root.path().join(&file[1..]), content.to_string()).unwrap();
    }
    root
}

fn pools(vf: &str) -> Value {
    let pf = PoolPf {
        address: "0000:01:00.0".parse().unwrap(),
        name: "ens1".to_owned(),
        vfs: [(VfIndex(3), vf.parse().unwrap())].into(),
    };
    json!({"managedBy": "sriovd", "version": 1, "pools": {"front": [pf], "gone": []}})
}

/// As the daemon of the version before wrote it.
fn node_state(vf: &str) -> Value {
    let groups = json!([
        {"resourceName": "front", "vfRange": "3-3"},
        {"resourceName": "gone", "vfRange": "7-7"},
    ]);
    let vfs = json!([{"vfID": 3, "pciAddress": vf}]);
    json!({
        "spec": {"interfaces": [{"pciAddress": "0000:01:00.0", "vfGroups": groups}]},
        "status": {"interfaces": [{"pciAddress": "0000:01:00.0", "name": "ens1", "Vfs": vfs}]},
    })
}

#[test]
fn the_pools_of_the_daemon_before_hold_until_the_new_one_has_written_its_own() {
    let (before, now) = ("0000:01:10.6", "0000:01:10.7");
    let (state, file) = (node_state(before), pools(now));
    for (files, vf) in [
        (&[(former::NODE_STATE, &state)][..], before),
        (&[(former::NODE_STATE, &state), (POOLS, &file)], now),
        (&[(POOLS, &file)], now),
        // What others read is nothing to the plugins any more.
        (&[(former::NODE_STATE, &json!({})), (POOLS, &file)], now),
    ] {
        let root = root_with(files);
        let mut found = read(root.path()).unwrap();
        let expected = PoolVf {
            pf: "0000:01:00.0".parse().unwrap(),
            pf_name: "ens1".to_owned(),
            vf: VfIndex(3),
            address: vf.parse().unwrap(),
        };
        assert_eq!(
            found.remove(&"front".parse().unwrap()),
            Some(vec![expected])
        );
        assert_eq!(found.remove(&"gone".parse().unwrap()), Some(Vec::new()));
        assert!(found.is_empty());
    }
}

#[test]
fn pools_that_cannot_be_read_say_which_file_what_is_expected_and_what_to_do() {
    let root = root_with(&[]);
    let error = read(root.path()).unwrap_err().to_string();
    for part in [
        "/run/sriovd/pools.json is not there",
        "is sriovd.service running?",
    ] {
        assert!(error.contains(part), "{error}");
    }
    let state = node_state("0000:01:10.6");
    for (file, content, says) in [
        (
            POOLS,
            json!({"version": 2}),
            ["it has version 2, expected is 1", "sriovd of one version"],
        ),
        (
            POOLS,
            json!({"version": 1}),
            ["missing field `managedBy`", "restart sriovd.service"],
        ),
        (
            former::NODE_STATE,
            json!({}),
            ["missing field `spec`", "restart sriovd.service"],
        ),
    ] {
        // It counts, not what is left of the version before.
        let root = root_with(&[(former::NODE_STATE, &state), (file, &content)]);
        let error = read(root.path()).unwrap_err().to_string();
        for part in [file].into_iter().chain(says) {
            assert!(error.contains(part), "{part}: {error}");
        }
    }
    let root = root_with(&[(former::NODE_STATE, &state)]);
    std::fs::create_dir(root.path().join(&POOLS[1..])).unwrap();
    let error = read(root.path()).unwrap_err();
    assert!(matches!(error, NoPools::Unreadable { .. }), "{error}");
}
