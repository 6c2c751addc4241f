//! Calls that are refused before anything is touched, and the words of the refusal.

use super::*;
use serde_json::Value;
use sriovd_host::linux::prepared::{PF, Prepared, pci, vf_address};

fn call(command: &str, conf: &[u8], environment: &[(&str, &str)]) -> (bool, Value) {
    let root = tempfile::tempdir().unwrap();
    call_at(root.path(), command, conf, environment)
}

fn call_at(root: &Path, command: &str, conf: &[u8], environment: &[(&str, &str)]) -> (bool, Value) {
    let usual = [
        ("CNI_COMMAND", command),
        ("CNI_CONTAINERID", "box"),
        ("CNI_NETNS", "/proc/self/ns/net"),
        ("CNI_IFNAME", "net1"),
        ("CNI_PATH", "/nowhere"),
    ];
    let variable = |name: &str| {
        let mut all = environment.iter().chain(&usual);
        let found = all.find(|(it, _)| *it == name);
        found.map(|(_, value)| OsString::from(value))
    };
    let answer = run(root, variable, conf);
    let value = serde_json::from_str(&answer.stdout).unwrap_or_default();
    (answer.is_error, value)
}

fn conf(more: &Value) -> Value {
    let mut conf = json!({
        "cniVersion": "1.0.0",
        "name": "f1-u",
        "type": "sriovd-cni",
        "pool": "intelnics",
    });
    let more = more.as_object().unwrap().clone();
    conf.as_object_mut().unwrap().extend(more);
    conf
}

#[track_caller]
fn refuses(command: &str, conf: &Value, environment: &[(&str, &str)], code: u64, says: &str) {
    let (is_error, object) = call(command, conf.to_string().as_bytes(), environment);
    assert!(is_error, "{object}");
    let message = object["msg"].as_str().unwrap();
    assert_eq!(object["code"], code, "{message}");
    assert!(message.contains(says), "{message}");
}

#[test]
fn the_version_is_told_and_asked_for() {
    let (is_error, answer) = call("VERSION", br#"{"cniVersion": "1.0.0"}"#, &[]);
    assert!(!is_error);
    assert_eq!(answer["supportedVersions"], json!(VERSIONS));
    // As libcni asks for it.
    let dummies =
        ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"].map(|it| (it, "dummy"));
    let (is_error, answer) = call("VERSION", br#"{"cniVersion": "1.0.0"}"#, &dummies);
    assert!(!is_error, "{answer}");
    // Whatever comes with it.
    for (input, version) in [
        (&br#"{"cniVersion": "0.2.0"}"#[..], "0.2.0"),
        (b"{}", "0.1.0"),
        (br#"{"cniVersion": "9.9.9"}"#, "1.1.0"),
        (b"", "1.1.0"),
        (b"[", "1.1.0"),
    ] {
        let (is_error, answer) = call("VERSION", input, &[]);
        assert!(!is_error, "{answer}");
        assert_eq!(answer["cniVersion"], version);
        assert_eq!(answer["supportedVersions"], json!(VERSIONS));
    }
    for version in ["0.5.0", "1", "two"] {
        let unknown = conf(&json!({"cniVersion": version}));
        for command in ["ADD", "DEL", "CHECK"] {
            refuses(command, &unknown, &[], 1, "is not one of 0.1.0, 0.2.0");
        }
    }
    for (command, since) in [("CHECK", "0.4.0"), ("GC", "1.1.0"), ("STATUS", "1.1.0")] {
        for version in VERSIONS {
            let conf = conf(&json!({"cniVersion": version, "pool": null}));
            let (is_error, answer) = call(command, conf.to_string().as_bytes(), &[]);
            let is_known = is_since(version, since);
            assert_eq!(answer["code"] == 1, !is_known, "{command} {version}");
            assert!(is_error || is_known);
        }
    }
}

#[test]
fn a_configuration_without_a_version_is_of_the_first() {
    for version in [json!("0.2.0"), json!("0.1.0"), json!(""), Value::Null] {
        let conf = conf(&json!({"cniVersion": version}));
        // That it may be tried later no version before 0.4.0 can say.
        refuses("ADD", &conf, &[], 102, "pools.json is not there");
        let (is_error, answer) = call("DEL", conf.to_string().as_bytes(), &[]);
        assert_eq!((is_error, answer), (false, Value::Null));
        refuses(
            "CHECK",
            &conf,
            &[],
            1,
            "is a command since cniVersion 0.4.0",
        );
    }
    let old = conf(&json!({"cniVersion": "0.3.1"}));
    refuses("ADD", &old, &[], 102, "is not there");
    let newer = conf(&json!({"cniVersion": "0.4.0"}));
    refuses("ADD", &newer, &[], 11, "is not there");
    let odd = conf(&json!({"cniVersion": 1}));
    refuses("ADD", &odd, &[], 6, "\"cniVersion\" is 1, not a text");
}

#[test]
fn keys_that_nobody_knows_are_ignored_and_a_slip_of_the_pen_is_told() {
    let header = |more: &Value| Header::read(conf(more).to_string().as_bytes()).unwrap();
    for (key, remark) in [
        ("mtu", None),
        ("Master", None),
        ("OrigVfState", None),
        ("frob", None),
        (
            "min_tx_rat",
            Some("key \"min_tx_rat\" is ignored; is \"min_tx_rate\" meant?"),
        ),
        (
            "spoofcheck",
            Some("key \"spoofcheck\" is ignored; is \"spoofchk\" meant?"),
        ),
        ("VLANQOS", None),
    ] {
        let read = NetConf::read(&header(&json!({key: 1, "vlan": 7}))).unwrap();
        assert_eq!(read.remark.as_deref(), remark, "{key}");
    }
}

#[test]
fn a_wrong_environment_is_named() {
    let good = conf(&json!({}));
    for (variable, value, says) in [
        ("CNI_COMMAND", "FROB", "is not one of ADD, DEL, CHECK"),
        ("CNI_COMMAND", "", "CNI_COMMAND is not set"),
        ("CNI_CONTAINERID", "../x", "CNI_CONTAINERID \"../x\""),
        ("CNI_CONTAINERID", "", "CNI_CONTAINERID is not set"),
        ("CNI_IFNAME", "a/b", "CNI_IFNAME"),
        ("CNI_NETNS", "run/netns/x", "is not an absolute path"),
        ("CNI_NETNS", "", "CNI_NETNS is not set"),
        ("CNI_ARGS", "MAC", "is not KEY=value"),
        ("CNI_ARGS", "MAC=01:00:5e:00:00:01", "CNI_ARGS: MAC"),
        ("CNI_ARGS", "FROB=1", "unknown key \"FROB\""),
        (
            "CNI_ARGS",
            "IgnoreUnknown=yes;FROB=1",
            "IgnoreUnknown is \"yes\"",
        ),
    ] {
        refuses("ADD", &good, &[(variable, value)], 4, says);
    }
    // Of no concern to what is released.
    for (variable, value) in [("CNI_ARGS", "FROB=1"), ("CNI_NETNS", "run/netns/x")] {
        let answer = call("DEL", good.to_string().as_bytes(), &[(variable, value)]);
        assert_eq!(answer, (false, Value::Null), "{variable}");
    }
}

#[test]
fn a_wrong_configuration_is_named_with_what_was_expected() {
    for (more, says) in [
        (
            json!({"trust": "yes"}),
            "\"trust\" is \"yes\", not \"on\" or \"off\"",
        ),
        (json!({"trust": true}), "\"trust\" is true, not a text"),
        (json!({"SpoofChk": "no"}), "\"spoofchk\" is \"no\""),
        (
            json!({"link_state": "Auto"}),
            "not \"auto\" or \"enable\" or \"disable\"",
        ),
        (
            json!({"vlan": "100"}),
            "\"vlan\" is \"100\", not a VLAN from 0 to 4094",
        ),
        (json!({"vlan": 100.0}), "\"vlan\" is 100.0"),
        (json!({"vlan": 4095}), "\"vlan\" is 4095"),
        (
            json!({"vlanQoS": 1}),
            "\"vlanQoS\" has no meaning without \"vlan\"",
        ),
        (
            json!({"vlan": 0, "vlanQoS": 1}),
            "need a \"vlan\" other than 0",
        ),
        (
            json!({"vlan": 1, "vlanProto": "802.1x"}),
            "\"802.1q\" or \"802.1ad\"",
        ),
        (
            json!({"mac": "01:00:5e:00:00:01"}),
            "MAC address of one interface",
        ),
        (json!({"min_tx_rate": 5, "max_tx_rate": 4}), "is above"),
        (json!({"min_tx_rate": -1}), "\"min_tx_rate\" is -1"),
        (json!({"logLevel": "loud"}), "\"logLevel\" is \"loud\""),
        (json!({"deviceID": "0000:01"}), "is not a PCI address"),
        (json!({"pool": "a b"}), "is not a resource name"),
        (json!({"pool": null}), "neither \"pool\" nor \"deviceID\""),
        (
            json!({"pool": null, "pools": "x"}),
            "which VF to allocate; key \"pools\" is ignored; is \"pool\" meant?",
        ),
        (json!({"name": "a/b"}), "is not a network's name"),
        (json!({"ipam": "host-local"}), "\"ipam\" is not an object"),
        (
            json!({"ipam": {"type": "../sh"}}),
            "is not the name of a plugin",
        ),
        (
            json!({"ipam": {"type": "host-local"}}),
            "is not in CNI_PATH (/nowhere)",
        ),
    ] {
        refuses("ADD", &conf(&more), &[], 7, says);
    }
}

#[test]
fn what_is_no_configuration_at_all_cannot_be_decoded() {
    let long = vec![b' '; usize::try_from(LONGEST).unwrap() + 1];
    for input in [&b"{"[..], b"[]", b"", &long] {
        let (is_error, object) = call("ADD", input, &[]);
        assert!(is_error);
        assert_eq!(object["code"], 6, "{object}");
        assert_eq!(object["cniVersion"], "1.0.0");
    }
}

#[test]
fn keys_are_found_whatever_their_case_and_the_runtime_goes_first() {
    let header = |conf: &Value| Header::read(conf.to_string().as_bytes()).unwrap();
    let read = NetConf::read(&header(&conf(&json!({
        "DeviceId": "0000:01:10.0",
        "VLANQOS": 3,
        "Vlan": 7,
        "max_tx_rate": 100,
        "runtimeConfig": {"mac": "02:00:00:00:00:01", "deviceID": "0000:01:10.2"},
        "cni.dev/valid-attachments": [],
    }))))
    .unwrap();
    let device = "0000:01:10.2".parse().unwrap();
    assert_eq!(read.choice, Some(crate::attach::Choice::Vf(device)));
    let vlan = read.settings.vlan.unwrap();
    assert_eq!((vlan.id, vlan.qos), (7, 3));
    // One rate without the other is none for the other.
    let rate = read.settings.tx_rate.unwrap();
    assert_eq!((rate.min, rate.max), (0, 100));
    assert!(read.runtime_mac.is_some());
}

#[test]
fn a_host_without_the_agent_says_so() {
    let good = conf(&json!({}));
    refuses("ADD", &good, &[], 11, "/run/sriovd/pools.json is not there");
    let absent = conf(&json!({"deviceID": "0000:01:10.0"}));
    refuses(
        "ADD",
        &absent,
        &[],
        7,
        "0000:01:10.0 is not a VF of this host",
    );
    let newest = conf(&json!({"cniVersion": "1.1.0"}));
    refuses("STATUS", &newest, &[], 50, "is not there");
    let unnamed = conf(&json!({"cniVersion": "1.1.0", "pool": null}));
    for command in ["STATUS", "GC"] {
        let (is_error, answer) = call(command, unnamed.to_string().as_bytes(), &[]);
        assert_eq!((is_error, answer), (false, Value::Null), "{command}");
    }
    refuses("CHECK", &good, &[], 7, "\"prevResult\" is missing");
}

#[test]
fn deleting_what_is_not_there_succeeds_whatever_became_of_the_configuration() {
    let broken = conf(&json!({"trust": "yes", "pool": 7, "name": "a/b"}));
    let (is_error, answer) = call("DEL", broken.to_string().as_bytes(), &[("CNI_NETNS", "")]);
    assert_eq!((is_error, answer), (false, Value::Null));
}

#[test]
fn a_vf_for_user_space_is_told_as_an_interface_and_checked_without_one() {
    let host = Prepared::with_pf();
    // The kernel would answer for one of this machine's.
    host.remove(&format!("{}/net", pci(PF)));
    let vf = host.vf(0, "vfio-pci");
    host.file(&format!("{vf}/enable"), "0\n");
    let device = json!({"deviceID": "0000:01:10.0"});
    let call = |command: &str, more: &Value| {
        let mut conf = conf(&device);
        conf["prevResult"] = more.clone();
        let (is_error, answer) = call_at(&host.path(""), command, conf.to_string().as_bytes(), &[]);
        assert!(!is_error, "{command}: {answer}");
        answer
    };
    let result = call("ADD", &Value::Null);
    let interface = json!([{"name": "net1", "sandbox": "/proc/self/ns/net"}]);
    assert_eq!(result["interfaces"], interface);
    assert_eq!(call("CHECK", &result), Value::Null);
    assert_eq!(call("DEL", &result), Value::Null);
}

/// A plugin that answers so. Another process writes it: of what this one has open, a third that
/// just starts would have a copy, and what is open for writing cannot be run.
fn ipam(directory: &Path, status: i32, answer: &str) {
    let text = format!(
        "#!/bin/sh\necho $CNI_COMMAND >> $0.calls\nprintf '%s' '{answer}'\nexit {status}\n"
    );
    let draft = directory.join("draft");
    std::fs::write(&draft, text).unwrap();
    let mut install = std::process::Command::new("install");
    let installed = install.args(["-m", "755"]).arg(draft);
    let installed = installed.arg(directory.join("addresses")).status();
    assert!(installed.unwrap().success());
}

#[test]
fn what_the_ipam_plugin_says_of_status_and_gc_is_passed_on_if_it_knows_them() {
    let conf = json!({"cniVersion": "1.1.0", "pool": null, "ipam": {"type": "addresses"}});
    let conf = self::conf(&conf).to_string();
    for (status, answer, code) in [
        (0, "", None),
        (
            1,
            r#"{"code": 1, "msg": "incompatible CNI versions"}"#,
            None,
        ),
        (1, r#"{"code": 3, "msg": "missing containerID"}"#, None),
        (1, r#"{"code": 4, "msg": "unknown CNI_COMMAND: GC"}"#, None),
        (1, r#"{"code": 50, "msg": "none is left"}"#, Some(50)),
        (1, r#"{"code": 999, "msg": "none is left"}"#, Some(999)),
        (1, "", Some(104)),
    ] {
        let directory = tempfile::tempdir().unwrap();
        ipam(directory.path(), status, answer);
        let path = [("CNI_PATH", directory.path().to_str().unwrap())];
        for command in ["STATUS", "GC"] {
            let (is_error, object) = call(command, conf.as_bytes(), &path);
            assert_eq!(is_error, code.is_some(), "{command} {answer}: {object}");
            assert_eq!(object["code"].as_u64(), code, "{command} {answer}");
        }
        let calls = std::fs::read_to_string(directory.path().join("addresses.calls"));
        assert_eq!(calls.unwrap(), "STATUS\nGC\n");
    }
    let (is_error, object) = call("STATUS", conf.as_bytes(), &[]);
    assert!(is_error && object["code"] == 7, "{object}");
}

#[test]
fn gc_takes_back_what_the_network_lent_and_nothing_of_another() {
    let host = Prepared::with_pf();
    for (vf, network) in [(0, "other"), (1, "f1-u")] {
        host.vf(vf, "vfio-pci");
        let record = json!({
            "address": vf_address(vf),
            "pf": PF,
            "vf": vf,
            "borrower": {
                "container": "box",
                "network": network,
                "namespace": "/proc/self/ns/net",
                "interface": "net1",
            },
            "lent_at": 0,
        });
        let file = format!("var/lib/sriovd/allocations/{}", vf_address(vf));
        host.file(&file, &record.to_string());
    }
    host.directory("var/lib/sriovd/allocations/released");
    // What sriov-cni attached, and cannot be read: it is not known whose it is.
    host.file("var/lib/cni/sriov/old-net1", "{");
    let newest = conf(&json!({"cniVersion": "1.1.0"})).to_string();
    let answer = call_at(&host.path(""), "GC", newest.as_bytes(), &[]);
    assert_eq!(answer, (false, Value::Null));
    assert!(host.path("var/lib/cni/sriov/old-net1").exists());
    let left = Allocator::new(host.path("")).allocations().unwrap();
    let left: Vec<_> = left.into_iter().map(|it| it.container.network).collect();
    assert_eq!(left, ["other"]);
}
