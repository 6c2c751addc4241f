//! What is told of policies that are in order, and what is not.

use super::*;
use crate::model::MacAddress;
use crate::policy::file;
use crate::sim::{DriverModel, SimPf};
use serde_json::json;
use std::path::Path;

/// With the place of each, as `line: message; suggestion`.
fn advice(text: &str, host: Option<&HostSnapshot>) -> Vec<String> {
    let content = file::parse(Path::new("10-a.toml"), text).unwrap();
    let loaded = Loaded {
        set: PolicySet {
            policies: content.policies,
            networks: content.networks,
        },
        last_good: serde_json::from_value(json!({ "10-a.toml": text })).unwrap(),
        ..Loaded::default()
    };
    let advice = advise(&loaded, host);
    assert!(advice.iter().all(|it| !it.is_error()));
    advice.iter().map(Diagnostic::one_line).collect()
}

fn policy(name: &str, more: &str) -> String {
    format!("[[policy]]\nname = \"{name}\"\nmatch.vendor = \"8086\"\n{more}\n")
}

/// An igb with 7 VFs to offer.
fn host() -> HostSnapshot {
    let address = "0000:01:00.0".parse().unwrap();
    let pf = SimPf::new(address, DriverModel::IGB).snapshot;
    assert_eq!(pf.total_vfs, 7);
    HostSnapshot {
        pfs: [(address, pf)].into(),
        ..HostSnapshot::default()
    }
}

#[test]
fn a_pool_that_no_network_takes_from_is_told_once_and_only_beside_networks() {
    let pool = |name: &str, vfs: &str| {
        let keys = format!("num_vfs = 4\nvfs = \"{vfs}\"\nresource = \"spare\"");
        policy(name, &keys)
    };
    let pools = pool("a", "0-1") + &pool("b", "2-3");
    assert_eq!(advice(&pools, None), [""; 0]);
    let network = "[[network]]\nname = \"n\"\nresource = \"spare\"\n";
    assert_eq!(advice(&(pools.clone() + network), None), [""; 0]);
    let network = "[[network]]\nname = \"n\"\nconfig = { type = \"bridge\" }\n";
    assert_eq!(
        advice(&(pools + network), None),
        ["10-a.toml:6:12: no network takes from the pool \"spare\"; \
          only the device plugin offers its VFs"]
    );
}

#[test]
fn a_policy_that_can_never_win_is_told_without_a_host() {
    let strong = policy("strong", "num_vfs = 2\npriority = 10");
    let weak = policy("weak", "num_vfs = 4\nvfs = \"0-1\"");
    let told = "10-a.toml:7:8: policy \"weak\" has no effect; \"strong\" (10-a.toml:1) is \
                stronger and claims the same VFs of the same PFs";
    let both = strong.clone() + &weak;
    assert_eq!(advice(&both, None), [told]);
    // Not again for each PF.
    assert_eq!(advice(&both, Some(&host())), [told]);

    for harmless in [
        weak.replace("num_vfs", "enabled = false\nnum_vfs"),
        weak.replace("8086", "15b3"),
    ] {
        assert_eq!(advice(&(strong.clone() + &harmless), None), [""; 0]);
    }
    let elsewhere = strong.replace("priority", "node.hostname = \"x\"\npriority");
    assert_eq!(advice(&(elsewhere + &weak), None), [""; 0]);
    let shares =
        policy("a", "num_vfs = 4\nvfs = \"0-1\"") + &policy("b", "num_vfs = 4\nvfs = \"2-3\"");
    assert_eq!(advice(&shares, None), [""; 0]);
}

#[test]
fn a_policy_that_a_shadowed_one_would_shadow_has_its_effect() {
    let share = |name: &str, priority: u8, vfs: &str| {
        let more = format!("num_vfs = 4\npriority = {priority}\nvfs = \"{vfs}\"");
        policy(name, &more)
    };
    let chain = [
        share("a", 0, "0-1"),
        share("b", 1, "1-2"),
        share("c", 2, "2-3"),
    ];
    let told = advice(&chain.concat(), None);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("\"b\" has no effect; \"a\""), "{told:?}");
    // One that takes the VFs of both leaves neither.
    let both = [
        share("a", 0, "1-2"),
        share("b", 1, "1-2"),
        share("c", 2, "2-3"),
    ];
    let told = advice(&both.concat(), None);
    assert_eq!(told.len(), 2, "{told:?}");
}

#[test]
fn on_a_host_it_is_told_which_pf_has_another_policy() {
    let by_driver = policy("weak", "num_vfs = 4").replace("vendor = \"8086\"", "driver = \"igb\"");
    let both = policy("strong", "num_vfs = 2\npriority = 10") + &by_driver;
    assert_eq!(advice(&both, None), [""; 0]);
    let host = host();
    let name = host.pfs.values().next().unwrap().display_name();
    assert_eq!(
        advice(&both, Some(&host)),
        [format!(
            "10-a.toml:7:8: policy \"weak\" has no effect on {name}; \"strong\" (10-a.toml:1) is \
             stronger and claims the same VFs"
        )]
    );
}

#[test]
fn counts_and_shares_are_held_against_what_the_pf_offers() {
    let host = host();
    let name = host.pfs.values().next().unwrap().display_name();
    let on_host = |more: &str| advice(&policy("a", more), Some(&host));
    assert_eq!(on_host("num_vfs = 7\nvfs = \"0-6\""), [""; 0]);
    assert_eq!(on_host("num_vfs = \"max\"\nvfs = \"0-6\""), [""; 0]);
    let too_many =
        format!("num_vfs = 8 is more than the 7 that {name} offers; no VF is made there");
    assert_eq!(
        on_host("num_vfs = 8\nvfs = \"0-7\""),
        [format!("10-a.toml:4:11: {too_many}")]
    );
    let past = format!("VFs 0-7 are not all there on {name}; it has VFs 0 to 6");
    assert_eq!(
        on_host("num_vfs = \"max\"\nvfs = \"0-7\""),
        [format!("10-a.toml:5:7: {past}")]
    );
    let none = format!("VFs 0 are not all there on {name}; it has none");
    assert_eq!(
        on_host("external = true\nvfs = \"0\""),
        [format!("10-a.toml:5:7: {none}")]
    );
    assert_eq!(advice(&policy("a", "num_vfs = 8"), None), [""; 0]);
}

#[test]
fn policies_of_a_pool_that_do_not_agree_about_it_are_told() {
    let pool = |name: &str, vfs: &str, more: &str| {
        let keys = format!("num_vfs = 4\nvfs = \"{vfs}\"\nresource = \"r\"\n{more}");
        policy(name, &keys)
    };
    let told = |a: &str, b: &str| advice(&(pool("a", "0-1", a) + &pool("b", "2-3", b)), None);
    let prefix = |place: &str, prefix: &str| {
        format!(
            "10-a.toml:{place}: the pool \"r\" has the prefix {prefix}; policy \"a\" says otherwise: \
             the VFs are offered as two resources, and a network can name one"
        )
    };
    let here = "resource_prefix = \"example.com\"";
    assert_eq!(told("", here), [prefix("14:19", "example.com")]);
    assert_eq!(told(here, ""), [prefix("13:12", "intel.com")]);
    let topology = |place: &str, value: bool| {
        format!(
            "10-a.toml:{place}: the pool \"r\" has exclude_topology = {value}; policy \"a\" says otherwise: \
             the NUMA nodes of no VF of it are told"
        )
    };
    let without = "exclude_topology = true";
    assert_eq!(told("", without), [topology("14:20", true)]);
    assert_eq!(told(without, ""), [topology("13:12", false)]);
    for (a, b) in [
        ("", ""),
        (here, here),
        ("", "resource_prefix = \"intel.com\""),
        ("exclude_topology = false", ""),
        (without, without),
        (without, "enabled = false"),
        (without, "priority = 5\nnode.hostname = \"x\""),
    ] {
        let a_node = match b.contains("hostname") {
            true => format!("{a}\nnode.hostname = \"y\""),
            false => a.to_owned(),
        };
        assert_eq!(told(&a_node, b), [""; 0], "{a_node} {b}");
    }
}

#[test]
fn a_pool_that_is_not_one_everywhere_is_told() {
    let told = |text: &str| {
        let text = policy("a", &format!("num_vfs = 1\n{text}"));
        let content = file::parse(Path::new("a.toml"), &text).unwrap();
        let warnings = content.warnings.iter();
        warnings.map(Diagnostic::one_line).collect::<Vec<_>>()
    };
    let no_class = "a.toml:5:12: podman gets no devices of the pool \"5g\"; a class of CDI begins with a letter";
    for devices in [
        "device_type = \"vfio-pci\"",
        "need_vhost_net = true",
        "is_rdma = true",
    ] {
        assert_eq!(told(&format!("resource = \"5g\"\n{devices}")), [no_class]);
        assert_eq!(told(&format!("resource = \"g5\"\n{devices}")), [""; 0]);
    }
    assert_eq!(told("resource = \"5g\""), [""; 0]);
    let long = "a".repeat(59);
    assert_eq!(
        told(&format!("resource = \"{long}\"")),
        [format!(
            "a.toml:5:12: the device plugin cannot offer intel.com/{long}; its socket has room for 67 letters of both"
        )]
    );
    assert_eq!(told(&format!("resource = \"{}\"", "a".repeat(58))), [""; 0]);
}

fn with_mac(name: &str, more: &str, mac: &str) -> String {
    let vf = format!("[[policy.vf]]\nindex = 1\nmac = \"{mac}\"\n");
    policy(name, &format!("num_vfs = 2\n{more}")) + &vf
}

#[test]
fn an_address_that_two_policies_give_is_told_where_the_second_does() {
    let mac = "02:00:5e:10:00:01";
    let first = with_mac("a", "", mac);
    let second = |more| with_mac("b", more, mac).replace("8086", "15b3");
    let told = format!(
        "10-a.toml:16:7: {mac} is already the address of VF 1 in policy \"a\"; \
         on one host the VF that has it keeps it, and no other gets it"
    );
    let advice_on = |more| advice(&(first.clone() + &second(more)), None);
    assert_eq!(advice_on("priority = 10"), [told]);
    assert_eq!(advice_on("enabled = false"), [""; 0]);
    let of_node = |name| format!("node.hostname = \"{name}\"");
    let elsewhere = with_mac("a", &of_node("x"), mac) + &second(&of_node("y"));
    assert_eq!(advice(&elsewhere, None), [""; 0]);
}

#[test]
fn an_address_that_a_function_of_the_host_has_is_told() {
    let mut host = host();
    let address = "0000:02:00.0".parse().unwrap();
    let pf = SimPf::new(address, DriverModel::IGB).snapshot;
    host.pfs.insert(address, pf);
    let text = with_mac("a", "", "52:54:00:00:02:00");
    let is_of_the_pf = "10-a.toml:8:7: 52:54:00:00:02:00 is the address of ens2; no VF gets it";
    assert_eq!(advice(&text, Some(&host)), [is_of_the_pf]);
    let text = with_mac("a", "", "02:00:5e:10:00:01");
    let told = "10-a.toml:8:7: 02:00:5e:10:00:01 is for one VF of ens1 and for one of ens2; \
                one gets it, and the other goes without";
    assert_eq!(advice(&text, Some(&host)), [told]);

    let stable = policy("a", "num_vfs = 2\nmac = \"stable\"");
    assert_eq!(advice(&stable, Some(&host)), [""; 0]);
    let none = |pf: &str, why: &str| {
        format!("10-a.toml:2:8: mac = \"stable\" gives VFs of {pf} no address; {why}")
    };
    for pf in host.pfs.values_mut() {
        pf.interface.as_mut().unwrap().permanent_mac = MacAddress([0x52, 0x54, 0, 0, 1, 0]);
    }
    let twin = |pf| format!("{pf} has the same permanent address, 52:54:00:00:01:00");
    let both = [none("ens1", &twin("ens2")), none("ens2", &twin("ens1"))];
    assert_eq!(advice(&stable, Some(&host)), both);
    for pf in host.pfs.values_mut() {
        pf.interface.as_mut().unwrap().permanent_mac = MacAddress::ZERO;
    }
    let without = ["ens1", "ens2"].map(|pf| none(pf, "it has no permanent address"));
    assert_eq!(advice(&stable, Some(&host)), without);
}
