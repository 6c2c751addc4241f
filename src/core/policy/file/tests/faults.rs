//! Every fault, in the words that people read.

mod networks;
mod policies;

use super::super::parse;
use super::{FILE, policy, shown};
use std::path::Path;

fn faults(text: &str) -> Vec<String> {
    let found = parse(Path::new(FILE), text).unwrap_err();
    found
        .iter()
        .map(|d| d.one_line().replace(FILE, ""))
        .collect()
}

fn network(keys: &str) -> String {
    format!("[[network]]\nname = \"n\"\n{keys}\n")
}

#[test]
fn faults_are_shown_as_compilers_do() {
    let text = r#"[[policy]]
name = "../etc"
truts = true
num_vfs = 70000
mtu = "9000"
vlan_qos = 3
[policy.match]
vendor = "8086"
priority = 10
[[policy]]
name = "a"
"#;
    let found = parse(Path::new(FILE), text).unwrap_err();
    assert_eq!(
        shown(&found),
        r#"error: bad value for "name": "../etc"
  --> /etc/sriov.d/20-dataplane.toml:2:8
   |
 2 | name = "../etc"
   |        ^^^^^^^^
   |
   = expected a policy name (1 to 63 of letters, digits, '.', '_' and '-', with a letter or
     digit at both ends)

error: unknown key "truts" in this policy
  --> /etc/sriov.d/20-dataplane.toml:3:1
   |
 3 | truts = true
   | ^^^^^ did you mean "trust"?

error: bad value for "num_vfs": 70000
  --> /etc/sriov.d/20-dataplane.toml:4:11
   |
 4 | num_vfs = 70000
   |           ^^^^^ expected a number from 0 to 65535, or "max"

error: bad value for "mtu": "9000"
  --> /etc/sriov.d/20-dataplane.toml:5:7
   |
 5 | mtu = "9000"
   |       ^^^^^^ write 9000 without quotation marks

error: "vlan_qos" has no effect without "vlan"
  --> /etc/sriov.d/20-dataplane.toml:6:12
   |
 6 | vlan_qos = 3
   |            ^ give a "vlan" from 1 to 4094

error: unknown key "priority" in [policy.match]
  --> /etc/sriov.d/20-dataplane.toml:9:1
   |
 9 | priority = 10
   | ^^^^^^^^ "priority" must stand above the header of this table

error: this policy has no [policy.match]: it would match every NIC
   --> /etc/sriov.d/20-dataplane.toml:10:1
    |
 10 | [[policy]]
    | ^^^^^^^^^^ write pf_name = "*" there to mean every NIC

error: this policy has no "num_vfs"
   --> /etc/sriov.d/20-dataplane.toml:10:1
    |
 10 | [[policy]]
    | ^^^^^^^^^^ expected num_vfs = a number or "max", or external = true"#
    );
}

#[test]
fn an_unknown_key_without_a_likely_meaning_lists_what_could_be() {
    let found = parse(Path::new(FILE), &policy("match.colour = 1")).unwrap_err();
    assert_eq!(
        shown(&found),
        r#"error: unknown key "colour" in [policy.match]
  --> /etc/sriov.d/20-dataplane.toml:4:7
   |
 4 | match.colour = 1
   |       ^^^^^^
   |
   = expected one of vendor, device, pci_address, pf_name, mac, driver, link_type, numa_node"#
    );
}

#[test]
fn faults_of_the_file() {
    for (text, expected) in [
        (
            "version = 2",
            ":1:11: bad value for \"version\": 2; expected 1, the only version there is",
        ),
        (
            "polices = []",
            ":1:1: unknown key \"polices\" in this file; did you mean \"policy\"?",
        ),
        (
            "[policy]",
            ":1:1: bad value for \"policy\": a table; write [[policy]] with two brackets",
        ),
        (
            "[policy]\n[policy]",
            ":2:2: [policy] is given twice; entries of a list have two brackets, as in [[policy]]",
        ),
        (
            "policy = [1]",
            ":1:11: bad value for \"policy\": 1; expected a table",
        ),
        ("a = 1\na = 2", ":2:1: key \"a\" is given twice"),
        (
            "a = ",
            ":1:5: the value is missing; expected text in quotation marks, a number, true or false",
        ),
        (
            "a = yes",
            ":1:5: \"yes\" is not a value; expected text in quotation marks, a number, true or false",
        ),
        (
            "a = true1",
            ":1:5: \"true1\" is not a value; expected text in quotation marks, a number, true or false",
        ),
        ("[x", ":1:3: unclosed table; expected `]`"),
    ] {
        assert_eq!(faults(text), [expected], "{text}");
    }
    let twins = [
        policy(""),
        policy(""),
        network("config = { type = \"x\" }").repeat(2),
    ]
    .concat();
    let expected = [
        ":8:8: a policy named \"p\" is already on line 2",
        ":17:8: a network named \"n\" is already on line 14",
    ];
    assert_eq!(faults(&twins), expected);
}

#[test]
fn what_is_only_odd_is_a_warning() {
    for (keys, expected) in [
        (
            "device_type = \"vfio_pci\"",
            ":4:15: driver \"vfio_pci\" looks like a typing error; did you mean \"vfio-pci\"?",
        ),
        (
            "resource_prefix = \"intel.com\"",
            ":4:19: \"resource_prefix\" has no effect without \"resource\"",
        ),
    ] {
        let content = parse(Path::new(FILE), &policy(keys)).unwrap();
        let warnings: Vec<_> = content.warnings.iter().map(|w| w.one_line()).collect();
        assert_eq!(warnings, [format!("{FILE}{expected}")]);
        assert!(!content.warnings[0].is_error());
    }
}
