//! What is missing, and what only may be.

use super::*;
use crate::policy::{PfNamePattern, Policy};
use crate::sim::{DriverModel, SimPf, sample};

const HERE: &str = "0000:01:00.0";

fn pf() -> PfSnapshot {
    SimPf::new(HERE.parse().unwrap(), DriverModel::IGB).snapshot
}

fn policy(name: &str, fill: impl FnOnce(&mut Policy)) -> Policy {
    let mut policy = sample::policy(name.parse().unwrap());
    fill(&mut policy);
    policy
}

fn named(globs: &[&str]) -> Vec<PfNamePattern> {
    let pattern = |glob: &&str| PfNamePattern {
        glob: (*glob).to_owned(),
        vfs: None,
    };
    globs.iter().map(pattern).collect()
}

fn missing(policies: Vec<Policy>, pfs: &[PfSnapshot], unseen: &[&str]) -> Vec<String> {
    let policies = PolicySet {
        policies,
        networks: Vec::new(),
    };
    let unseen = unseen.iter().map(|it| it.parse().unwrap());
    let present = Present {
        addresses: pfs.iter().map(|pf| pf.address).chain(unseen).collect(),
        seen: pfs.iter().collect(),
    };
    let found = absent(&policies, &Node::default(), &present);
    let told = found.iter().map(|pf| {
        let policies: Vec<_> = pf.policies.iter().map(ToString::to_string).collect();
        format!("{} {}", pf.name, policies.join("+"))
    });
    told.collect()
}

#[test]
fn what_is_named_exactly_and_not_here_is_absent() {
    let mut here = pf();
    let interface = here.interface.as_mut().unwrap();
    interface.altnames.insert("uplink0".to_owned());
    let (name, mac) = (interface.name.to_string(), interface.permanent_mac);
    let elsewhere = MacAddress([2, 0, 0, 0, 0, 9]);
    let by_mac = |it: &mut Policy| it.matches.mac = vec![mac, elsewhere];
    let by_name = |it: &mut Policy| {
        it.matches.pf_name = named(&[&name, "uplink0", "ens9f0", "ens8f*"]);
    };
    let by_address = |it: &mut Policy| {
        it.matches.pci_address = [HERE, "0000:09:00.0"].map(|it| it.parse().unwrap()).into();
        // Said less exactly, and then only what is said of that address.
        it.matches.pf_name = named(&["ens7f0"]);
    };
    let also = |it: &mut Policy| it.matches.pci_address = vec!["0000:09:00.0".parse().unwrap()];
    let any = |_: &mut Policy| {};
    let policies = vec![
        policy("macs", by_mac),
        policy("names", by_name),
        policy("addresses", by_address),
        policy("again", also),
        policy("any", any),
    ];
    assert_eq!(
        missing(policies, &[here], &[]),
        [
            "0000:09:00.0 addresses+again",
            "ens9f0 names",
            "02:00:00:00:00:09 macs"
        ]
    );
}

#[test]
fn a_policy_for_elsewhere_or_switched_off_misses_nothing() {
    let gone = |it: &mut Policy| it.matches.pci_address = vec!["0000:09:00.0".parse().unwrap()];
    let off = policy("off", |it| {
        gone(it);
        it.enabled = false;
    });
    let other_node = policy("other", |it| {
        gone(it);
        it.node.hostname = vec!["worker-*".to_owned()];
    });
    let other_rack = policy("rack", |it| {
        gone(it);
        it.node.labels.insert("rack".to_owned(), "b2".to_owned());
    });
    let none = missing(vec![off, other_node, other_rack], &[pf()], &[]);
    assert_eq!(none, [""; 0]);
}

#[test]
fn a_name_or_mac_is_not_missed_while_one_is_out_of_sight() {
    let policies = || {
        let by_name = policy("names", |it| it.matches.pf_name = named(&["ens9f0"]));
        let by_mac = policy("macs", |it| {
            it.matches.mac = vec![MacAddress([2, 0, 0, 0, 0, 9])];
        });
        let by_address = policy("addresses", |it| {
            it.matches.pci_address = vec!["0000:09:00.0".parse().unwrap()];
        });
        vec![by_name, by_mac, by_address]
    };
    let address = ["0000:09:00.0 addresses"];
    assert_eq!(missing(policies(), &[pf()], &["0000:02:00.0"]), address);
    let mut elsewhere = pf();
    elsewhere.interface = None;
    assert_eq!(missing(policies(), &[elsewhere.clone()], &[]), address);
    let mut early = pf();
    early.interface.as_mut().unwrap().name_is_final = false;
    // Its address is known all the same.
    let not_the_name = ["0000:09:00.0 addresses", "02:00:00:00:00:09 macs"];
    assert_eq!(missing(policies(), &[early], &[]), not_the_name);
    // Without a driver it has no interface, and will not be called anything.
    elsewhere.driver = None;
    let all = [
        "0000:09:00.0 addresses",
        "ens9f0 names",
        "02:00:00:00:00:09 macs",
    ];
    assert_eq!(missing(policies(), &[elsewhere], &[]), all);
}
