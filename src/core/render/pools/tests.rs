//! A VF is ready when its driver is as wanted, whatever its attributes.

use super::*;
use crate::policy::resolve::DesiredVf;
use crate::policy::{DeviceType, file};
use crate::render::fixture::*;
use std::path::Path;

fn wanted(device_type: DeviceType) -> DesiredVf {
    DesiredVf {
        lacks_mac: false,
        mac_is_stable: false,
        claim: Some(0),
        device_type,
        names_driver: false,
        mtu: None,
        representor: Default::default(),
        in_bridge: false,
        settings: crate::model::VfSettings {
            trust: Some(true),
            ..Default::default()
        },
    }
}

#[test]
fn readiness_is_about_the_driver() {
    let with_netdev = vf(1, 0);
    let allocated = VfSnapshot {
        interface: None,
        interface_elsewhere: true,
        ..vf(1, 0)
    };
    let probing = VfSnapshot {
        interface: None,
        ..vf(1, 0)
    };
    let without_driver = VfSnapshot {
        driver: None,
        ..probing.clone()
    };
    let vfio_bound = in_user_space(vf(1, 0));
    let cases = [
        (DeviceType::Netdevice, &with_netdev, true),
        (DeviceType::Netdevice, &allocated, true),
        (DeviceType::Netdevice, &probing, false),
        (DeviceType::Netdevice, &without_driver, false),
        (DeviceType::Netdevice, &vfio_bound, false),
        (DeviceType::Any, &with_netdev, true),
        (DeviceType::Any, &allocated, true),
        (DeviceType::Any, &vfio_bound, true),
        (DeviceType::Any, &probing, false),
        (DeviceType::Any, &without_driver, false),
        (vfio(), &vfio_bound, true),
        (vfio(), &with_netdev, false),
        (vfio(), &without_driver, false),
        (
            DeviceType::Driver(parse("uio_pci_generic")),
            &vfio_bound,
            false,
        ),
    ];
    for (device_type, vf, ready) in cases {
        let wanted = wanted(device_type);
        assert_eq!(wanted.is_ready(vf), ready, "{wanted:?} {vf:?}");
    }
}

#[test]
fn a_pool_gathers_the_ready_vfs_of_its_claims_over_all_pfs() {
    let mut first = pf(1, 4);
    first.vfs.get_mut(&VfIndex(1)).unwrap().interface = None;
    let nobodys = Claim {
        resource: None,
        ..claim("x", Some("0"))
    };
    let mut world = ManagedHost::of([
        (first, vec![claim("a", Some("0-1")), claim("b", Some("3"))]),
        (pf(2, 2), vec![nobodys, claim("a", Some("1"))]),
        (pf(3, 1), vec![claim("a", None)]),
    ]);
    world
        .resolutions
        .insert(pf(3, 1).address, Resolution::AwaitsName);

    let known = world.known();
    let pools = pools(&known);
    let members = |name: &str| -> Vec<_> {
        let members = &pools[&parse::<ResourceName>(name)];
        members
            .iter()
            .map(|member| (member.pf.display_name(), member.index.0))
            .collect()
    };
    assert_eq!(members("a"), [("ens1f0".into(), 0), ("ens2f0".into(), 1)]);
    assert_eq!(members("b"), [("ens1f0".into(), 3)]);
    assert_eq!(pools.len(), 2);
}

fn offered(resource: &str, vfs: Option<&str>, prefix: Option<&str>) -> Claim {
    Claim {
        resource_prefix: prefix.map(parse),
        ..claim(resource, vfs)
    }
}

#[test]
fn the_prefix_of_a_pool_is_that_of_its_first_vf_ready_or_not() {
    let ours = |vfs| offered("a", vfs, Some("example.com"));
    let theirs = |vfs| offered("a", vfs, Some("example.org"));
    let foreign = |vfs| offered("b", vfs, Some("example.net"));
    let cases = [
        (vec![(1, vec![ours(None)])], Some("example.com")),
        (vec![(1, vec![offered("a", None, None)])], Some("intel.com")),
        (
            vec![(
                1,
                vec![theirs(Some("2-3")), ours(Some("1")), foreign(Some("0"))],
            )],
            Some("example.com"),
        ),
        (
            vec![
                (3, vec![theirs(None)]),
                (2, vec![ours(None)]),
                (1, vec![foreign(None)]),
            ],
            Some("example.com"),
        ),
        (vec![(1, vec![foreign(None)])], None),
    ];
    for (pfs, expected) in cases {
        for are_there in [true, false] {
            let pfs = pfs
                .iter()
                .map(|(bus, claims)| (pf(*bus, 4), claims.clone()));
            let mut world = ManagedHost::of(pfs);
            if !are_there {
                world.host.pfs.values_mut().for_each(|pf| pf.vfs.clear());
            }
            let known = world.known();
            let found = wanted_prefix(&parse("a"), &known, &[]);
            assert_eq!(found, expected, "{are_there}: {:?}", world.resolutions);
        }
    }
}

#[test]
fn the_prefix_of_a_pool_without_a_pf_here_is_that_of_its_strongest_policy() {
    let policies = |texts: &[&str]| {
        let policies = (0..).zip(texts);
        let texts = policies.map(|(at, text)| {
            format!("[[policy]]\nname = \"p{at}\"\nnum_vfs = 1\nmatch.vendor = \"8086\"\n{text}\n")
        });
        let content = file::parse(Path::new(""), &texts.collect::<String>());
        content.unwrap().policies
    };
    let ours = "resource = \"a\"\nresource_prefix = \"example.com\"";
    let theirs = "resource = \"a\"\nresource_prefix = \"example.org\"";
    let foreign = "resource = \"b\"\nresource_prefix = \"example.net\"";
    let strong = &format!("{ours}\npriority = 10");
    let off = &format!("{theirs}\nenabled = false\npriority = 0");
    let cases: [(&[&str], _); 6] = [
        (&[], None),
        (&[foreign, off], None),
        (&["resource = \"a\""], Some("intel.com")),
        (&[off, ours, foreign], Some("example.com")),
        (&[theirs, ours], Some("example.com")),
        (&[strong, theirs], Some("example.com")),
    ];
    let mut world = ManagedHost::of([(pf(1, 1), vec![offered("a", None, None)])]);
    for resolution in world.resolutions.values_mut() {
        *resolution = Resolution::AwaitsName;
    }
    for (texts, expected) in cases {
        let policies = policies(texts);
        for host in [&ManagedHost::default(), &world] {
            let known = host.known();
            let found = wanted_prefix(&parse("a"), &known, &policies);
            assert_eq!(found, expected, "{texts:?}");
        }
    }
}

#[test]
fn a_wanted_vf_that_does_not_exist_yet_is_in_no_pool() {
    let mut world = ManagedHost::of([(pf(1, 2), vec![claim("a", None)])]);
    let pf = world.host.pfs.values_mut().next().unwrap();
    pf.vfs.clear();
    assert!(pools(&world.known()).is_empty());
}
