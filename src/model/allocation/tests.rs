//! What lending changes, and what a record looks like.

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
    record.borrower.name = Some("web".to_owned());
    assert_eq!(says(&record), "container web (network f1-u)");
    assert!(record.holder().is_allocation());
}
