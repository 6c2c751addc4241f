//! What stays of a document of another version.

use super::*;
use crate::memory::Memory;
use serde_json::json;

fn memory(pf: &Value) -> Value {
    json!({
        "pfs": {"0000:01:00.0": pf, "0000:02:00.0": pf_of(&json!({}))},
        "kernel": "6.12.1",
        "assignments": {},
        "files": ["/a", "/b"],
    })
}

fn pf_of(vfs: &Value) -> Value {
    json!({
        "permanent_mac": null,
        "on_removal": "reset",
        "created_vfs": true,
        "mtu_before": 1500,
        "autoprobe_before": null,
        "vfs": vfs,
    })
}

fn vf_of(settings: &Value) -> Value {
    json!({"settings": settings, "mac": null, "driver": true, "mtu": false})
}

/// All that is there comes back, whatever of it was understood.
fn round(document: &Value) -> Understood<Memory> {
    let read: Understood<Memory> = read(document).unwrap();
    let mut again = serde_json::to_value(&read.known).unwrap();
    read.unknown.put_into(&mut again);
    read.refused.put_into(&mut again);
    assert_eq!(&again, document);
    read
}

#[test]
fn what_is_understood_needs_nothing_else() {
    let trust = json!({"trust": {"trust": false}});
    let read = round(&memory(&pf_of(&json!({"0": vf_of(&trust)}))));
    assert!(read.refused.is_empty() && read.unknown.is_empty());
    assert_eq!(read.known.pfs.len(), 2);
}

#[test]
fn a_value_that_is_not_understood_costs_as_little_as_can_be() {
    let (trust, added) = (json!({"trust": false}), json!({"new": [1, {"a": "b"}]}));
    let settings = json!({"trust": trust, "colour": added, "link_state": {"link_state": "odd"}});
    let read = round(&memory(&pf_of(&json!({
        "0": vf_of(&settings),
        "1": vf_of(&json!({"trust": trust})),
        "none": vf_of(&json!({})),
    }))));
    let pf = &read.known.pfs[&"0000:01:00.0".parse().unwrap()];
    assert_eq!(pf.vfs.len(), 2);
    assert!(
        pf.vfs
            .values()
            .all(|vf| vf.settings.len() == 1 && vf.driver)
    );
    assert_eq!(read.refused.0.len(), 3);
}

/// Written and read again it is the same value, wherever it stood in its list.
#[test]
fn elements_that_are_not_understood_are_kept_once_behind_the_others() {
    for unsupported in [
        json!([{"new": 1}, "vlan8021ad", {"new": 1}, {"new": 2}]),
        json!([{"new": 1}, {"new": 2}]),
    ] {
        let mut pf = pf_of(&json!({}));
        pf["unsupported"] = unsupported;
        let first: Understood<Memory> = read(&memory(&pf)).unwrap();
        let mut written = serde_json::to_value(&first.known).unwrap();
        let all = first.refused.clone().and(first.unknown.clone());
        all.put_into(&mut written);
        assert_eq!(read(&written), Some(first));
        let kept = written["pfs"]["0000:01:00.0"]["unsupported"].as_array();
        let new = kept.unwrap().iter().filter(|it| it.is_object());
        assert_eq!(new.count(), 2);
    }
}

#[test]
fn what_must_not_be_read_without_a_value_goes_with_it() {
    let mut pf = pf_of(&json!({"0": vf_of(&json!({}))}));
    pf["on_removal"] = json!("archive");
    let read = round(&memory(&pf));
    assert_eq!(read.known.pfs.len(), 1);
    assert!(read.refused.contains(&["pfs", "0000:01:00.0"]));
    assert!(!read.refused.contains(&["pfs", "0000:02:00.0"]));
}

#[test]
fn keys_that_are_not_known_stay_where_they_are() {
    let mut document = memory(&pf_of(&json!({"0": vf_of(&json!({}))})));
    document["needs"] = json!(1);
    document["pfs"]["0000:01:00.0"]["firmware"] = json!({"before": 3});
    document["pfs"]["0000:01:00.0"]["vfs"]["0"]["queues"] = json!(8);
    let read = round(&document);
    let mut kept = read.unknown;
    let mut without = serde_json::to_value(&read.known).unwrap();
    without["pfs"]
        .as_object_mut()
        .unwrap()
        .remove("0000:01:00.0");
    kept.prune(&without);
    kept.put_into(&mut without);
    assert_eq!(without["needs"], 1);
    assert!(without["pfs"].get("0000:01:00.0").is_none());
}

#[test]
fn of_a_list_each_is_understood_alone() {
    let mut document = memory(&pf_of(&json!({})));
    document["files"] = json!(["/a", {"path": "/b"}, "/c", 7]);
    let read: Understood<Memory> = read(&document).unwrap();
    assert_eq!(read.known.files.len(), 2);
    let mut again = serde_json::to_value(&read.known).unwrap();
    read.refused.put_into(&mut again);
    assert_eq!(again["files"], json!(["/a", "/c", {"path": "/b"}, 7]));
}

/// Others may come and go before it: then its number is that of another.
#[test]
fn a_key_in_an_element_is_kept_with_that_element() {
    let mut pf = pf_of(&json!({}));
    let added = json!({"attribute": "mac", "added": 1});
    pf["unsupported"] = json!([{"attribute": "new"}, added, {"attribute": "vlan"}]);
    let read: Understood<Memory> = read(&memory(&pf)).unwrap();
    let mut again = serde_json::to_value(&read.known).unwrap();
    read.refused.and(read.unknown).put_into(&mut again);
    let unsupported = &again["pfs"]["0000:01:00.0"]["unsupported"];
    assert_eq!(
        *unsupported,
        json!([{"attribute": "vlan"}, {"attribute": "new"}, added])
    );
}

#[test]
fn another_thing_altogether_is_not_understood() {
    assert_eq!(read::<Memory>(&json!([1, 2])), None);
    assert_eq!(read::<Memory>(&json!("text")), None);
}
