//! What a file of pools must say to be understood.

use super::*;
use serde_json::json;

#[test]
fn a_file_is_read_by_its_version() {
    let pf = json!({"address": "0000:01:00.0", "name": "ens1", "vfs": {"3": "0000:01:10.6"}});
    let good = json!({"version": 1, "managedBy": "sriovd", "pools": {"front": [pf], "back": []}});
    let with = |key: &str, value: serde_json::Value| {
        let mut file = good.clone();
        file[key] = value;
        PoolsFile::parse(file.to_string().as_bytes())
    };
    let read = with("added", json!("later")).unwrap();
    let names: Vec<_> = read.pools.keys().map(ToString::to_string).collect();
    assert_eq!(names, ["back", "front"]);
    let front = &read.pools.values().last().unwrap()[0];
    let vf = "0000:01:10.6".parse().unwrap();
    assert_eq!(front.vfs, [(VfIndex(3), vf)].into());
    let written = serde_json::to_vec(&read).unwrap();
    assert_eq!(PoolsFile::parse(&written).unwrap(), read);
    // Whatever else such a version says.
    for (version, pools) in [(2, json!(7)), (0, good["pools"].clone())] {
        let text = json!({"version": version, "pools": pools}).to_string();
        let error = PoolsFile::parse(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("it has version {version}, expected is {POOLS_VERSION}")
        );
    }
    for (key, value) in [
        ("version", json!("1")),
        ("pools", json!([])),
        ("pools", json!({"no/name": []})),
        ("pools", json!({"front": [{"address": "x"}]})),
    ] {
        let error = with(key, value.clone()).unwrap_err();
        assert!(matches!(error, NotPools::Malformed(_)), "{value}: {error}");
    }
}
