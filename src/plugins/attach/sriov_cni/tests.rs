//! Records as sriov-cni of July 2026 wrote them in a guest with an igb, with other values before.

use super::record::Attached;
use super::*;
use crate::attach::records::tests::records;
use serde_json::{Value, json};
use sriovd_core::model::{LinkState, TxRate, VfSettings, Vlan, VlanProto};
use sriovd_host::linux::prepared::{Prepared, vf_address};
use std::fs;
use std::time::SystemTime;

fn record(more: &Value) -> Value {
    let mut record = json!({
        "cniVersion": "1.0.0",
        "name": "f1-u",
        "type": "sriov",
        "deviceID": "0000:01:10.0",
        "ipam": {},
        "vlan": 7,
        "vlanQoS": 0,
        "vlanProto": "802.1q",
        "spoofchk": "on",
        "trust": "off",
        "min_tx_rate": null,
        "max_tx_rate": 100,
        "MAC": "02:00:00:00:0a:0a",
        "MTU": 1500,
        "Master": "ens1",
        "VFID": 0,
        "runtimeConfig": {},
        "OrigVfState": {
            "HostIFName": "ens1v0",
            "SpoofChk": false,
            "Trust": true,
            "AdminMAC": "02:00:00:00:00:07",
            "EffectiveMAC": "02:00:00:00:00:08",
            "Vlan": 100,
            "VlanQoS": 3,
            "VlanProto": 34984,
            "MinTxRate": 1,
            "MaxTxRate": 2,
            "LinkState": 2,
            "MTU": 9000,
        },
    });
    for (key, value) in more.as_object().unwrap() {
        match value.as_object() {
            Some(inner) => record[key].as_object_mut().unwrap().extend(inner.clone()),
            None => record[key] = value.clone(),
        }
    }
    record
}

fn attached(more: &Value) -> Attached {
    serde_json::from_value(record(more)).unwrap()
}

#[test]
fn what_was_asked_for_goes_back_to_what_was_before() {
    let settings = attached(&json!({"link_state": "enable"})).settings();
    let vlan = Vlan {
        id: 100,
        qos: 3,
        proto: VlanProto::Dot1ad,
    };
    let expected = VfSettings {
        trust: Some(true),
        mac: Some("02:00:00:00:00:07".parse().unwrap()),
        vlan: Some(vlan),
        spoof_check: Some(false),
        tx_rate: Some(TxRate { min: 1, max: 2 }),
        link_state: Some(LinkState::Disable),
        ..VfSettings::default()
    };
    assert_eq!(settings, expected);
    let nothing = json!({"vlan": null, "spoofchk": "", "trust": "", "max_tx_rate": null});
    let expected = VfSettings {
        mac: settings.mac,
        ..VfSettings::default()
    };
    assert_eq!(attached(&nothing).settings(), expected);
}

#[test]
fn the_netdev_goes_back_to_what_was_written_down_and_the_rest_is_as_it_is() {
    let now = Link {
        index: 7,
        mac: Some("02:00:00:00:00:09".parse().unwrap()),
        mtu: 1400,
        ..Link::default()
    };
    let said = |more: &Value| {
        let interface = attached(&json!({"OrigVfState": more})).interface(Some(&now));
        interface.map(|it| (it.name.to_string(), it.mac.to_string(), it.mtu.get()))
    };
    let name = "ens1v0".to_owned();
    let mac = "02:00:00:00:00:08".to_owned();
    assert_eq!(said(&json!({})), Some((name.clone(), mac.clone(), 9000)));
    // Before 2025 it wrote no MTU.
    assert_eq!(said(&json!({"MTU": 0})), Some((name.clone(), mac, 1400)));
    let mac = "02:00:00:00:00:09".to_owned();
    assert_eq!(said(&json!({"EffectiveMAC": ""})), Some((name, mac, 9000)));
    assert_eq!(said(&json!({"HostIFName": ""})), None);
}

/// A VF for user space, which that plugin gave to a container.
fn host() -> Prepared {
    let host = Prepared::with_pf();
    let vf = host.vf(0, "vfio-pci");
    host.file(&format!("{vf}/enable"), "0\n");
    host.file("var/lib/cni/sriov/pci/0000:01:10.0", "/proc/self/ns/net");
    host
}

const THEIRS: &str = "var/lib/cni/sriov/box-net1";

fn attach(host: &Prepared, more: &Value) {
    let mut more = more.clone();
    more["OrigVfState"] = json!({"HostIFName": ""});
    host.file(THEIRS, &record(&more).to_string());
}

fn take_over(host: &Prepared, namespace: &str) -> Result<Vec<Allocation>, AttachError> {
    let allocator = Allocator::new(host.path(""));
    let name = "net1".parse().unwrap();
    let found = find_theirs(&allocator, "box", &name, Path::new(namespace))?;
    assert!(host.path(THEIRS).exists(), "it was only looked at");
    super::take_over(&allocator, "box", &name, Path::new(namespace))?;
    let all = records(&host.path("")).all()?;
    assert_eq!(all, Vec::from_iter(found));
    Ok(all)
}

#[test]
fn what_it_attached_is_an_allocation_of_ours_from_then_on() {
    for namespace in ["/proc/self/ns/net", ""] {
        let host = host();
        attach(&host, &json!({}));
        let taken = take_over(&host, namespace).unwrap().remove(0);
        assert!(!host.path(THEIRS).exists());
        assert_eq!(taken.address, vf_address(0));
        assert_eq!(taken.container.id, "box");
        assert_eq!(taken.container.network, "f1-u");
        assert_eq!(taken.container.namespace, Path::new("/proc/self/ns/net"));
        assert_eq!(taken.interface_before, None);
        assert!(taken.before.vlan.is_some());
    }
}

#[test]
fn a_vf_that_is_anothers_by_now_is_left_to_it() {
    // In another container, as that plugin writes down and the runtime says.
    let host = host();
    attach(&host, &json!({}));
    assert_eq!(take_over(&host, "/run/netns/box").unwrap(), []);
    assert!(!host.path(THEIRS).exists());

    // In another container, which it got later.
    attach(&host, &json!({}));
    let later = host.path("var/lib/cni/sriov/other-net1");
    fs::copy(host.path(THEIRS), &later).unwrap();
    let file = fs::File::options().write(true).open(&later).unwrap();
    let time = SystemTime::now() + std::time::Duration::from_secs(1);
    file.set_modified(time).unwrap();
    assert_eq!(take_over(&host, "").unwrap(), []);
    fs::remove_file(later).unwrap();

    // It is gone.
    attach(&host, &json!({"deviceID": "0000:01:10.5"}));
    assert_eq!(take_over(&host, "").unwrap(), []);

    // Allocated by us.
    let ours = crate::attach::records::tests::allocation(0, "other");
    records(&host.path("")).create(&ours).unwrap();
    attach(&host, &json!({}));
    let name = "net1".parse().unwrap();
    let allocator = Allocator::new(host.path(""));
    let found = find_theirs(&allocator, "box", &name, Path::new(""));
    assert_eq!(found.unwrap(), None);
    super::take_over(&allocator, "box", &name, Path::new("")).unwrap();
    assert_eq!(records(&host.path("")).all().unwrap(), [ours]);
}

#[test]
fn what_is_not_understood_is_left() {
    let host = host();
    for text in ["{", "[]", "{\"deviceID\": \"0000:01:10.0\"}"] {
        host.file(THEIRS, text);
        let error = take_over(&host, "").unwrap_err();
        assert!(matches!(error, AttachError::Theirs { .. }), "{error}");
        assert_eq!(host.text(THEIRS), text);
    }
}

/// What GC leaves of the record of `box-net1`, and whether it told something.
fn collect(host: &Prepared, valid: &[&str]) -> (bool, usize) {
    let allocator = Allocator::new(host.path(""));
    let collected = collect_theirs(&allocator, "f1-u", |name| valid.contains(&name));
    (host.path(THEIRS).exists(), collected.len())
}

/// What is different, those that the runtime has, whether the record stays, how much is told.
type Case = (fn(&Prepared), &'static [&'static str], bool, usize);

#[test]
fn gc_takes_back_what_is_of_the_network_and_of_no_container_any_more() {
    let gone = "var/lib/cni/sriov/pci/0000:01:10.0";
    let cases: [Case; 8] = [
        (|_| {}, &[], false, 1),
        (|_| {}, &["other-net1"], false, 1),
        // The runtime has it.
        (|_| {}, &["box-net1"], true, 0),
        // Its namespace is there.
        (
            |host| host.file("var/lib/cni/sriov/pci/0000:01:10.0", "/proc/self/ns/net"),
            &[],
            true,
            0,
        ),
        // Nobody wrote down where it is, and it is here.
        (
            |host| host.remove("var/lib/cni/sriov/pci/0000:01:10.0"),
            &[],
            false,
            1,
        ),
        (|host| attach(host, &json!({"name": "other"})), &[], true, 0),
        // There is nothing to release.
        (
            |host| attach(host, &json!({"deviceID": "0000:01:10.5"})),
            &[],
            false,
            0,
        ),
        (|host| host.file(THEIRS, "{"), &[], true, 1),
    ];
    for (at, (change, valid, stays, told)) in cases.into_iter().enumerate() {
        let host = host();
        host.file(gone, "/nowhere");
        attach(&host, &json!({}));
        change(&host);
        assert_eq!(collect(&host, valid), (stays, told), "case {at}");
        assert_eq!(records(&host.path("")).all().unwrap(), [], "case {at}");
        if !stays && told == 1 {
            assert!(
                !host.path(gone).exists(),
                "case {at}: it is marked as taken"
            );
        }
    }
}

#[test]
fn gc_leaves_what_somebody_works_on_or_has_lent_since() {
    let host = host();
    host.file("var/lib/cni/sriov/pci/0000:01:10.0", "/nowhere");
    attach(&host, &json!({}));
    let working = lock::take(&host.path(""), vf_address(0)).unwrap();
    assert_eq!(collect(&host, &[]), (true, 0));
    drop(working);
    let ours = crate::attach::records::tests::allocation(0, "other");
    records(&host.path("")).create(&ours).unwrap();
    assert_eq!(collect(&host, &[]), (false, 0));
    assert_eq!(records(&host.path("")).all().unwrap(), [ours]);

    // No directory of that plugin, and none that can be read.
    let empty = Prepared::with_pf();
    assert_eq!(collect(&empty, &[]), (false, 0));
    empty.file("var/lib/cni/sriov", "");
    assert_eq!(collect(&empty, &[]), (false, 1));
}
