//! What allocating changes, and what a record looks like.

use super::*;
use crate::model::{MacAddress, Vlan};
use serde_json::json;

fn vlan(id: u16) -> Option<Vlan> {
    Some(Vlan { id, ..Vlan::NONE })
}

#[test]
fn only_what_differs_is_changed_and_goes_back() {
    let wanted = VfSettings {
        trust: Some(true),
        vlan: vlan(7),
        spoof_check: Some(false),
        ..VfSettings::default()
    };
    let is = VfSettings {
        trust: Some(true),
        vlan: vlan(100),
        spoof_check: None,
        ..VfSettings::default()
    };
    let (to_set, before) = changes(&wanted, &is);
    let expected = VfSettings {
        vlan: vlan(7),
        spoof_check: Some(false),
        ..VfSettings::default()
    };
    assert_eq!(to_set, expected);
    // Drivers do not agree on spoof checking, so one that does not report it keeps ours.
    let expected = VfSettings {
        vlan: vlan(100),
        ..VfSettings::default()
    };
    assert_eq!(before, expected);
}

#[test]
fn an_unreported_attribute_goes_back_to_its_usual_value() {
    let wanted = VfSettings {
        mac: Some("02:00:00:00:00:01".parse().unwrap()),
        trust: Some(true),
        ..VfSettings::default()
    };
    let (_, before) = changes(&wanted, &VfSettings::default());
    assert_eq!(
        (before.mac, before.trust),
        (Some(MacAddress::ZERO), Some(false))
    );
}

#[test]
fn a_record_names_its_holder() {
    let record = json!({
        "address": "0000:01:10.0",
        "pf": "0000:01:00.0",
        "vf": 0,
        "borrower": {
            "container": "0123456789abcdef",
            "network": "f1-u",
            "namespace": "/run/netns/box",
            "interface": "eth0",
        },
        "lent_at": 0,
    });
    let mut record: Allocation = serde_json::from_value(record).unwrap();
    let says = |record: &Allocation| record.holder().to_string();
    assert_eq!(says(&record), "container 0123456789ab (network f1-u)");
    record.container.name = Some("web".to_owned());
    assert_eq!(says(&record), "container web (network f1-u)");
    assert!(record.holder().is_allocation());
}

/// Keys added, values added, and a version that says that both can be passed over.
#[test]
fn a_record_of_the_next_version_loses_nothing() {
    let record = |before: serde_json::Value, more: serde_json::Value| {
        let mut record = json!({
            "version": 2, "needs": 1, "address": "0000:01:10.0", "pf": "0000:01:00.0", "vf": 0,
            "borrower": {
                "container": "c", "network": "n", "namespace": "/run/netns/c", "interface": "eth0",
                "pod": "added",
            },
            "lent_at": 7, "added": {"key": [1]},
            "before": before,
            "interface_before": {
                "index": 7, "name": "ens1v0", "mac": "02:00:00:00:00:01", "mtu": 1500, "up": true,
                "queues": 4,
            },
        });
        for (key, value) in more.as_object().unwrap() {
            record[key] = value.clone();
        }
        Allocation::parse(&record.to_string())
    };
    let none = json!({});
    let read = record(json!({"trust": true}), none.clone()).unwrap();
    assert_eq!(read.before.trust, Some(true));
    assert_eq!(read.not_understood, [""; 0]);
    assert!(read.interface_before.is_some());

    let more = json!({"trust": true, "colour": "red", "link_state": "blinking"});
    let read = record(more, none).unwrap();
    assert_eq!(read.before.trust, Some(true));
    let mut left = read.not_understood;
    left.sort();
    assert_eq!(left, ["colour", "link_state"]);

    // Without these nobody knows who has it, or what is to be done.
    for more in [
        json!({"address": "by serial number"}),
        json!({"interface_before": {"index": 7, "name": "a/b"}}),
        json!({"borrower": {"container": "c"}}),
        json!({"needs": 2}),
    ] {
        assert_eq!(record(json!({}), more.clone()), None, "{more}");
    }
}

#[test]
fn a_record_of_the_version_before_is_understood() {
    let text = r#"{"address":"0000:01:10.0","pf":"0000:01:00.0","vf":0,"borrower":{"container":"c",
        "network":"n","namespace":"/run/netns/c","interface":"eth0"},"lent_at":7,
        "before":{"vlan":{"id":0,"qos":0,"proto":"802.1q"}}}"#;
    let read = Allocation::parse(text).unwrap();
    assert_eq!(read.before.vlan, vlan(0));
    assert_eq!(Allocation::parse(&read.write().unwrap()), Some(read));
}
