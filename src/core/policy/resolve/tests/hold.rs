//! What a policy keeps of a PF that changed under it.

use super::*;

/// As one says who had it and may take it.
fn held(policies: &[Policy], now: &PfSnapshot, node: &Node, hold: &Hold) -> Resolution {
    let set = PolicySet {
        policies: policies.to_vec(),
        ..PolicySet::default()
    };
    resolve_held(&set, node, now, Some(hold))
}

fn hold(policies: &[Policy]) -> Hold {
    Hold::of(&desired(policies.to_vec(), &pf()), &node(), &pf())
}

fn by_name(name: &str, glob: &str) -> Policy {
    policy(name, |policy| policy.matches.pf_name = named(glob))
}

fn renamed() -> PfSnapshot {
    let mut now = pf();
    let interface = now.interface.as_mut().unwrap();
    interface.name = "eth5".parse().unwrap();
    interface.altnames.clear();
    now
}

#[test]
fn whatever_changes_of_the_host_is_told_and_changes_nothing() {
    type Fill = fn(&mut Policy);
    type Change = fn(&mut PfSnapshot, &mut Node);
    let table: [(&str, Fill, Change); 7] = [
        (
            "pf_name is eth5 and not ens1",
            |p| p.matches.pf_name = named("ens1"),
            |pf, _| *pf = renamed(),
        ),
        (
            "pf_name is ens1 and not uplink*",
            |p| p.matches.pf_name = named("uplink*"),
            |pf, _| pf.interface.as_mut().unwrap().altnames.clear(),
        ),
        (
            "driver is vfio-pci and not igb",
            |p| p.matches.driver = vec!["igb".parse().unwrap()],
            |pf, _| pf.driver = Some("vfio-pci".parse().unwrap()),
        ),
        (
            "link_type is infiniband and not ether",
            |p| p.matches.link_type = vec![LinkType::Ether],
            |pf, _| pf.interface.as_mut().unwrap().link_type = LinkType::Infiniband,
        ),
        (
            "mac is 52:54:00:00:09:00 and not 52:54:00:00:01:00",
            |p| p.matches.mac = vec!["52:54:00:00:01:00".parse().unwrap()],
            |pf, _| {
                let mac = "52:54:00:00:09:00".parse().unwrap();
                pf.interface.as_mut().unwrap().permanent_mac = mac;
            },
        ),
        (
            "numa_node is 1 and not 0",
            |p| p.matches.numa_node = vec![0],
            |pf, _| pf.numa_node = Some(1),
        ),
        (
            "node.hostname is localhost and not edge-*",
            |p| p.node.hostname = vec!["edge-*".to_owned()],
            |_, node| "localhost".clone_into(&mut node.hostname),
        ),
    ];
    for (reason, fill, change) in table {
        let policies = [policy("a", fill)];
        let hold = hold(&policies);
        let (mut now, mut node) = (pf(), node());
        change(&mut now, &mut node);
        let Resolution::Desired(desired) = held(&policies, &now, &node, &hold) else {
            panic!("{reason}");
        };
        assert_eq!(winners(&desired), ["a"], "{reason}");
        let [lapsed] = &desired.lapsed[..] else {
            panic!("{reason}: {:?}", desired.lapsed);
        };
        assert_eq!((lapsed.reason.as_str(), lapsed.awaits), (reason, false));
        // Nothing holds what no policy took.
        let set = PolicySet {
            policies: policies.to_vec(),
            ..PolicySet::default()
        };
        assert_eq!(resolve(&set, &node, &now), Resolution::Unmatched);
    }
}

#[test]
fn what_is_out_of_sight_or_not_named_yet_is_awaited_and_keeps_its_policies() {
    let policies = [by_name("a", "ens1")];
    let hold = hold(&policies);
    let mut unnamed = renamed();
    unnamed.interface.as_mut().unwrap().name_is_final = false;
    let mut hidden = pf();
    hidden.interface = None;
    for now in [unnamed, hidden] {
        let resolution = held(&policies, &now, &node(), &hold);
        assert!(resolution.is_kept() && resolution.awaits_name(), "{now:?}");
    }
    assert!(!held(&policies, &pf(), &node(), &hold).is_kept());
}

#[test]
fn only_a_change_of_what_is_wanted_ends_it() {
    let taken = [by_name("a", "ens1")];
    let hold = hold(&taken);
    let now = |policies: &[Policy]| held(policies, &renamed(), &node(), &hold);
    // Changed otherwise, it is the same policy.
    let more = policy("a", |policy| {
        policy.matches.pf_name = named("ens1");
        policy.num_vfs = Some(NumVfs::Count(7));
    });
    assert!(now(&[more]).is_kept());
    // Gone, renamed, switched off, or made for another PF or host.
    assert_eq!(now(&[]), Resolution::Unmatched);
    assert_eq!(now(&[by_name("b", "ens1")]), Resolution::Unmatched);
    let off = policy("a", |policy| {
        policy.matches.pf_name = named("ens1");
        policy.enabled = false;
    });
    assert_eq!(now(&[off]), Resolution::Unmatched);
    assert_eq!(now(&[by_name("a", "ens2")]), Resolution::Unmatched);
    let labelled = policy("a", |policy| {
        policy.matches.pf_name = named("ens1");
        policy.node.labels = [("rack".to_owned(), "c9".to_owned())].into();
    });
    assert_eq!(now(&[labelled]), Resolution::Unmatched);
    // It names the PF as it is: no reason to wait.
    assert!(!now(&[by_name("a", "eth5")]).is_kept());
}

#[test]
fn settings_that_name_the_host_are_a_wish() {
    let policies = [policy("a", |policy| {
        policy.node.hostname = vec!["edge-7".to_owned()];
    })];
    let set = Node {
        hostname_is_set: true,
        ..node()
    };
    let other = Node {
        hostname: "core-1".to_owned(),
        ..set.clone()
    };
    let by_settings = Hold::of(&desired(policies.to_vec(), &pf()), &set, &pf());
    let by_kernel = hold(&policies);
    let unset = Node {
        hostname_is_set: false,
        ..other.clone()
    };
    for (hold, node) in [
        (&by_settings, &other),
        (&by_kernel, &other),
        (&by_settings, &unset),
    ] {
        let resolution = held(&policies, &pf(), node, hold);
        assert_eq!(resolution, Resolution::Unmatched, "{node:?}");
    }
    assert!(held(&policies, &pf(), &unset, &by_kernel).is_kept());
}

#[test]
fn a_stronger_policy_takes_over_and_a_weaker_one_waits() {
    let taken = by_name("a", "ens1");
    let hold = hold(std::slice::from_ref(&taken));
    let now = |policies: Vec<Policy>| match held(&policies, &renamed(), &node(), &hold) {
        Resolution::Desired(desired) => *desired,
        other => panic!("{other:?}"),
    };
    let strong = policy("strong", |policy| {
        policy.matches.pf_name = named("eth5");
        policy.priority = 1;
    });
    let by_strong = now(vec![taken.clone(), strong]);
    assert_eq!(winners(&by_strong), ["strong"]);
    assert_eq!(losers(&by_strong), [("a", "strong")]);
    assert!(!by_strong.is_kept());
    let weak = by_name("weak", "eth5");
    let by_taken = now(vec![weak, taken]);
    assert_eq!(winners(&by_taken), ["a"]);
    assert!(by_taken.is_kept());
}

#[test]
fn a_new_policy_by_name_does_not_loosen_an_old_one() {
    let old = policy("old", |policy| policy.vfs = "0-1".parse().ok());
    let hold = hold(std::slice::from_ref(&old));
    let mut unnamed = pf();
    unnamed.interface.as_mut().unwrap().name_is_final = false;
    let new = by_name("new", "ens1");
    let resolution = held(&[old, new], &unnamed, &node(), &hold);
    assert!(resolution.is_kept() && resolution.awaits_name());
}
