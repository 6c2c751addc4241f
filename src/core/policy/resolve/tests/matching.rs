//! Whether a policy names a PF.

use super::*;

#[test]
fn every_key_must_match_and_a_list_means_any_of() {
    type Fill = fn(&mut Policy);
    let table: [(&str, bool, Fill); 17] = [
        ("no key", true, |_| ()),
        ("vendor", true, |p| {
            p.matches.vendor = vec![PciId(1), PciId(0x8086)];
        }),
        ("vendor", false, |p| p.matches.vendor = vec![PciId(1)]),
        ("device", true, |p| p.matches.device = vec![PciId(0x10c9)]),
        ("device", false, |p| {
            p.matches.vendor = vec![PciId(0x8086)];
            p.matches.device = vec![PciId(1)];
        }),
        ("address", true, |p| {
            p.matches.pci_address = vec!["0000:01:00.0".parse().unwrap()];
        }),
        ("address", false, |p| {
            p.matches.pci_address = vec!["0000:01:00.1".parse().unwrap()];
        }),
        ("driver", true, |p| {
            p.matches.driver = vec!["igb".parse().unwrap()];
        }),
        ("driver", false, |p| {
            p.matches.driver = vec!["ice".parse().unwrap()];
        }),
        ("mac", true, |p| {
            p.matches.mac = vec!["52:54:00:00:01:00".parse().unwrap()];
        }),
        ("mac", false, |p| p.matches.mac = vec![MacAddress::ZERO]),
        ("link", false, |p| {
            p.matches.link_type = vec![LinkType::Infiniband];
        }),
        ("numa", true, |p| p.matches.numa_node = vec![1, 0]),
        ("numa", false, |p| p.matches.numa_node = vec![1]),
        ("disabled", false, |p| p.enabled = false),
        ("host", true, |p| {
            p.node.hostname = vec!["x".to_owned(), "edge-*".to_owned()];
        }),
        ("host", false, |p| {
            p.node.hostname = vec!["core-*".to_owned()];
        }),
    ];
    for (key, matches, fill) in table {
        let resolution = resolved(vec![policy("a", fill)], &pf());
        assert_eq!(resolution != Resolution::Unmatched, matches, "{key}");
    }
}

#[test]
fn every_label_must_be_there() {
    let labels = |labels: &[(&str, &str)]| {
        let labels = labels
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        let node = NodeMatch {
            labels: labels.collect(),
            ..NodeMatch::default()
        };
        let policy = policy("a", |policy| policy.node = node);
        resolved(vec![policy], &pf()) != Resolution::Unmatched
    };
    assert!(labels(&[("rack", "b2")]));
    assert!(!labels(&[("rack", "b3")]));
    assert!(!labels(&[("rack", "b2"), ("row", "1")]));
}

#[test]
fn names_are_globs_for_the_name_and_its_alternatives() {
    for (glob, matches) in [
        ("ens1", true),
        ("ens?", true),
        ("*", true),
        ("uplink*", true),
        ("ens2", false),
        ("link", false),
    ] {
        let policy = policy("a", |policy| policy.matches.pf_name = named(glob));
        let resolution = resolved(vec![policy], &pf());
        assert_eq!(resolution != Resolution::Unmatched, matches, "{glob}");
    }
}

#[test]
fn all_patterns_that_match_give_their_shares() {
    let claimed = |patterns: &[(&str, &str)]| {
        let wants = |policy: &mut Policy| {
            share("6")(policy);
            let pattern = |(glob, vfs): &(&str, &str)| PfNamePattern {
                glob: (*glob).to_owned(),
                vfs: vfs.parse().ok(),
            };
            policy.matches.pf_name = patterns.iter().map(pattern).collect();
        };
        let desired = desired(vec![policy("a", wants)], &pf());
        desired.policies[0].vfs.as_ref().map(ToString::to_string)
    };
    for (patterns, vfs) in [
        (&[("ens1", "0-1"), ("ens1", "3")][..], "0-1,3"),
        (&[("ens1", "3"), ("ens1", "0-1")], "0-1,3"),
        (&[("ens1", "0-1"), ("ens1", "1-2")], "0-2"),
        (&[("ens1", "0-1"), ("ens1", "2")], "0-2"),
        (&[("eth0", "0"), ("ens1", "2-3"), ("e*", "1")], "1-3"),
        (&[("ens1", "0-1"), ("ens1", "")], "0-1"),
        (&[("*", ""), ("ens1", "0-1")], "0-1"),
        (&[("eth0", "0"), ("ens1", "")], "6"),
        (&[("ens1", "")], "6"),
    ] {
        assert_eq!(claimed(patterns).as_deref(), Some(vfs), "{patterns:?}");
    }
}

#[test]
fn any_name_is_waited_for_where_another_pattern_may_give_a_share() {
    let mut pf = pf();
    pf.interface.as_mut().unwrap().name_is_final = false;
    let named = |patterns: &[(&str, &str)]| {
        let pattern = |(glob, vfs): &(&str, &str)| PfNamePattern {
            glob: (*glob).to_owned(),
            vfs: vfs.parse().ok(),
        };
        let patterns = patterns.iter().map(pattern).collect();
        let policy = policy("a", |policy| policy.matches.pf_name = patterns);
        resolved(vec![policy], &pf) == Resolution::AwaitsName
    };
    assert!(named(&[("*", ""), ("ens1", "0-1")]));
    assert!(!named(&[("ens1", ""), ("*", "0-1")]));
    assert!(named(&[("ens1", "")]));
}

#[test]
fn a_name_that_is_not_final_is_waited_for() {
    let mut pf = pf();
    pf.interface.as_mut().unwrap().name_is_final = false;
    let by_name = |glob: &str| policy("name", |policy| policy.matches.pf_name = named(glob));
    assert_eq!(resolved(vec![by_name("ens2")], &pf), Resolution::AwaitsName);
    assert_ne!(resolved(vec![by_name("*")], &pf), Resolution::AwaitsName);
    let other_vendor = policy("other", |policy| {
        policy.matches.pf_name = named("ens1");
        policy.matches.vendor = vec![PciId(1)];
    });
    assert_eq!(resolved(vec![other_vendor], &pf), Resolution::Unmatched);
}

#[test]
fn a_name_is_not_waited_for_where_it_could_not_change_anything() {
    let mut pf = pf();
    pf.interface.as_mut().unwrap().name_is_final = false;
    let by_name = |vfs: Option<&str>| {
        policy("name", |policy| {
            policy.matches.pf_name = named("ens1");
            policy.vfs = vfs.and_then(|vfs| vfs.parse().ok());
        })
    };
    let stronger = |vfs: Option<&str>| {
        policy("stronger", |policy| {
            policy.vfs = vfs.and_then(|vfs| vfs.parse().ok());
        })
    };
    for (weak, strong, waits) in [
        (None, None, false),
        (Some("0-1"), None, false),
        (Some("0-1"), Some("1-2"), false),
        (Some("0-1"), Some("2-3"), true),
        (None, Some("2-3"), false),
    ] {
        let resolution = resolved(vec![by_name(weak), stronger(strong)], &pf);
        let awaits = resolution == Resolution::AwaitsName;
        assert_eq!(awaits, waits, "{weak:?} under {strong:?}");
    }
    // The name may bring a share of its own, and the policy's is not claimed then.
    let mut by_pattern = by_name(Some("2-3"));
    by_pattern.matches.pf_name[0].vfs = "4-5".parse().ok();
    let resolution = resolved(vec![by_pattern, stronger(Some("2-3"))], &pf);
    assert_eq!(resolution, Resolution::AwaitsName);
}

#[test]
fn an_interface_out_of_sight_is_waited_for_by_who_asks_for_it() {
    let mut pf = pf();
    pf.interface = None;
    type Fill = fn(&mut Policy);
    let asks: [Fill; 4] = [
        |p| p.matches.pf_name = named("ens1"),
        |p| p.matches.pf_name = named("*"),
        |p| p.matches.mac = vec![MacAddress::ZERO],
        |p| p.matches.link_type = vec![LinkType::Ether],
    ];
    for fill in asks {
        let resolution = |pf: &PfSnapshot| resolved(vec![policy("a", fill)], pf);
        assert_eq!(resolution(&pf), Resolution::AwaitsName);
        let mut without_driver = pf.clone();
        without_driver.driver = None;
        assert_eq!(resolution(&without_driver), Resolution::Unmatched);
        let mut passed_through = pf.clone();
        passed_through.driver = "vfio-pci".parse().ok();
        assert_eq!(resolution(&passed_through), Resolution::Unmatched);
    }
    let by_vendor = policy("a", |policy| policy.matches.vendor = vec![pf.vendor]);
    assert_eq!(winners(&desired(vec![by_vendor], &pf)), ["a"]);
}

#[test]
fn a_match_is_explained_key_by_key() {
    let policy = policy("a", |policy| {
        policy.matches.vendor = vec![PciId(0x15b3), PciId(0x8086)];
        policy.matches.numa_node = vec![1];
        policy.matches.pf_name = named("ens1");
        policy.node.labels = [("rack".to_owned(), "b3".to_owned())].into();
    });
    let keys = explain(&policy, &node(), &pf());
    let table: Vec<_> = keys
        .iter()
        .map(|key| {
            (
                key.key,
                key.wanted.as_str(),
                key.found.as_str(),
                key.matched,
            )
        })
        .collect();
    assert_eq!(
        table,
        [
            ("vendor", "15b3, 8086", "8086", true),
            ("numa_node", "1", "0", false),
            ("node.labels", "rack = b3", "b2", false),
            ("pf_name", "ens1", "ens1, uplink0", true),
        ]
    );
}

#[test]
fn a_name_that_may_still_change_is_called_so_where_it_does_not_match() {
    let found = |pattern: &str, is_final| {
        let policy = policy("a", |policy| policy.matches.pf_name = named(pattern));
        let mut pf = pf();
        pf.interface.as_mut().unwrap().name_is_final = is_final;
        explain(&policy, &node(), &pf).remove(0).found
    };
    assert_eq!(found("ens2", true), "ens1, uplink0");
    assert_eq!(found("ens2", false), "ens1 (not final yet), uplink0");
    assert_eq!(found("*", false), "ens1, uplink0");
}

#[test]
fn a_function_goes_by_the_names_of_all_its_ports() {
    let mut two = pf();
    let interface = two.interface.as_mut().unwrap();
    interface.other_ports.insert("ens1d1".to_owned());
    let by_name = |glob| policy("a", |policy| policy.matches.pf_name = named(glob));
    for (glob, matches) in [("ens1", true), ("ens1d1", true), ("ens1d2", false)] {
        let resolution = resolved(vec![by_name(glob)], &two);
        assert_eq!(resolution != Resolution::Unmatched, matches, "{glob}");
    }
}
