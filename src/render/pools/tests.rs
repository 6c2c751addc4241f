//! A VF is ready when its driver is as wanted, whatever its attributes.

use super::*;
use crate::policy::DeviceType;
use crate::policy::resolve::DesiredVf;
use crate::render::fixture::*;

fn wanted(device_type: DeviceType) -> DesiredVf {
    DesiredVf {
        claim: Some(0),
        device_type,
        mtu: None,
        settings: crate::model::VfSettings {
            trust: Some(true),
            ..Default::default()
        },
    }
}

#[test]
fn readiness_is_about_the_driver() {
    let with_netdev = vf(1, 0);
    let lent = VfSnapshot {
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
        (DeviceType::Netdevice, &lent, true),
        (DeviceType::Netdevice, &probing, false),
        (DeviceType::Netdevice, &without_driver, false),
        (DeviceType::Netdevice, &vfio_bound, false),
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
    let mut world = World::of([
        (first, vec![claim("a", Some("0-1")), claim("b", Some("3"))]),
        (pf(2, 2), vec![nobodys, claim("a", Some("1"))]),
        (pf(3, 1), vec![claim("a", None)]),
    ]);
    world
        .resolutions
        .insert(pf(3, 1).address, Resolution::AwaitsName);

    let pools = pools(&world.view());
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

#[test]
fn a_wanted_vf_that_does_not_exist_yet_is_in_no_pool() {
    let mut world = World::of([(pf(1, 2), vec![claim("a", None)])]);
    let pf = world.host.pfs.values_mut().next().unwrap();
    pf.vfs.clear();
    assert!(pools(&world.view()).is_empty());
}
