//! What is proposed can be read, does nothing at first, and means the NICs that are here.

use super::*;
use sriovd_core::policy::file;
use sriovd_core::policy::resolve::{Resolution, resolve};
use sriovd_core::policy::{Policy, PolicySet};
use sriovd_sim::{DriverModel, SimPf};
use std::path::Path;

fn pf(address: &str, interface: &str) -> PfSnapshot {
    let mut pf = SimPf::new(address.parse().unwrap(), DriverModel::IGB).snapshot;
    pf.interface.as_mut().unwrap().name = interface.parse().unwrap();
    pf
}

fn proposed(pfs: &[PfSnapshot]) -> Vec<Policy> {
    let host = HostSnapshot {
        pfs: pfs.iter().map(|pf| (pf.address, pf.clone())).collect(),
        ..HostSnapshot::default()
    };
    let text = starter(&host);
    let content = file::parse(Path::new("a.toml"), &text);
    content
        .unwrap_or_else(|wrong| panic!("{wrong:?}\n{text}"))
        .policies
}

#[test]
fn each_nic_gets_a_policy_of_its_own_that_waits_to_be_enabled() {
    let mut bare = pf("0000:03:00.0", "c");
    bare.interface = None;
    bare.driver = None;
    bare.vendor_name = Some("Some\nvendor".to_owned());
    let odd = pf("0000:04:00.0", "a[*]\"");
    let pfs = [pf("0000:01:00.0", "ens1f0"), bare, odd];
    let mut set = PolicySet {
        policies: proposed(&pfs),
        ..PolicySet::default()
    };
    assert_eq!(set.policies.len(), 3);
    for policy in &mut set.policies {
        assert!(!policy.enabled);
        policy.enabled = true;
    }
    for pf in &pfs {
        let Resolution::Desired(desired) = resolve(&set, &Default::default(), pf) else {
            panic!("{}", pf.address);
        };
        assert_eq!((desired.policies.len(), desired.shadowed.len()), (1, 0));
        assert_eq!(desired.num_vfs, Some(7));
    }
}

#[test]
fn what_is_there_stays_as_it_is() {
    let mut with_vfs = pf("0000:01:00.0", "ens1f0");
    with_vfs.num_vfs = 3;
    let count = proposed(&[with_vfs])[0].num_vfs;
    assert_eq!(count, Some(sriovd_core::policy::NumVfs::Count(3)));
}

#[test]
fn every_option_that_is_proposed_is_one() {
    let host = HostSnapshot {
        pfs: [pf("0000:01:00.0", "ens1f0")]
            .map(|pf| (pf.address, pf))
            .into(),
        ..HostSnapshot::default()
    };
    let lines = OPTIONS.lines().filter_map(|line| line.strip_prefix("# "));
    let options: String = lines.map(|line| format!("{line}\n")).collect();
    let text = starter(&host).replace(OPTIONS, &options);
    let content = file::parse(Path::new("a.toml"), &text).unwrap();
    assert_eq!(content.policies[0].mtu.map(|mtu| mtu.get()), Some(9000));
    assert!(content.policies[0].settings.vlan.is_some());
}
