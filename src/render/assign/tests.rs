//! A network keeps its VF whatever happens around it.

use super::*;
use crate::model::{MacAddress, VfIndex};
use crate::policy::resolve::Resolution;
use crate::render::fixture::*;
use crate::render::pools::{is_on_its_way, pools};
use proptest::prelude::*;

type Memory = BTreeMap<NetworkName, Assignment>;

fn run(world: &World, networks: &[Network], previous: &Memory) -> (Vec<String>, Memory) {
    let pools = pools(&world.resolutions, &world.host);
    let assigned = assign(networks, &pools, previous, |vf, resource| {
        is_on_its_way(vf, resource, &world.resolutions, &world.host)
    });
    let line = |(name, result): (&&NetworkName, &Result<Member<'_>, NoVf>)| match result {
        Ok(member) => format!("{name} {}", member.vf.address),
        Err(error) => format!("{name}: {error}"),
    };
    let lines = assigned.iter().map(line).collect();
    (lines, remember(&assigned, previous))
}

fn one_pool(pfs: &[(u8, u16)]) -> World {
    World::of(
        pfs.iter()
            .map(|&(bus, vfs)| (pf(bus, vfs), vec![claim("a", None)])),
    )
}

#[test]
fn new_networks_get_the_lowest_free_vfs_in_order_of_name() {
    let networks = [
        network("n2", Some("a")),
        network("n1", Some("a")),
        network("plain", None),
    ];
    let (lines, memory) = run(&one_pool(&[(1, 4)]), &networks, &Memory::new());
    assert_eq!(lines, ["n1 0000:01:01.0", "n2 0000:01:01.1"]);
    assert_eq!(memory, remembered([("n1", at(1, 0)), ("n2", at(1, 1))]));
}

#[test]
fn who_had_a_vf_goes_before_who_has_a_better_name() {
    let networks = [network("early", Some("a")), network("late", Some("a"))];
    let (lines, _) = run(
        &one_pool(&[(1, 2)]),
        &networks,
        &remembered([("late", at(1, 0))]),
    );
    assert_eq!(lines, ["early 0000:01:01.1", "late 0000:01:01.0"]);
}

#[test]
fn a_network_follows_its_nic_to_another_slot() {
    // The NIC that was at bus 1 is at bus 2 now, and the other way round.
    let mut world = one_pool(&[(1, 2), (2, 2)]);
    let macs = [pf(2, 0).permanent_mac(), pf(1, 0).permanent_mac()];
    for (pf, mac) in world.host.pfs.values_mut().zip(macs) {
        pf.interface.as_mut().unwrap().permanent_mac = mac.unwrap();
    }
    let networks = [network("n1", Some("a")), network("n2", Some("a"))];
    let previous = remembered([("n1", at(1, 1)), ("n2", at(2, 1))]);
    let (lines, memory) = run(&world, &networks, &previous);
    assert_eq!(lines, ["n1 0000:02:01.1", "n2 0000:01:01.1"]);
    assert_eq!(memory[&parse("n1")].pf, pf(2, 0).address);
}

#[test]
fn a_new_nic_in_the_slot_takes_over() {
    let last = Assignment {
        permanent_mac: Some(parse("02:00:00:00:00:99")),
        ..at(1, 1)
    };
    let networks = [network("n1", Some("a"))];
    let (lines, memory) = run(&one_pool(&[(1, 2)]), &networks, &remembered([("n1", last)]));
    assert_eq!(lines, ["n1 0000:01:01.1"]);
    assert_eq!(memory, remembered([("n1", at(1, 1))]));
}

#[test]
fn one_mac_on_two_pfs_is_told_apart_by_the_slot() {
    let mut world = one_pool(&[(1, 1), (2, 1)]);
    for pf in world.host.pfs.values_mut() {
        pf.interface.as_mut().unwrap().permanent_mac = at(1, 0).permanent_mac.unwrap();
    }
    let last = Assignment {
        permanent_mac: at(1, 0).permanent_mac,
        ..at(2, 0)
    };
    let (lines, _) = run(
        &world,
        &[network("n1", Some("a"))],
        &remembered([("n1", last)]),
    );
    assert_eq!(lines, ["n1 0000:02:01.0"]);
}

#[test]
fn no_mac_is_no_sign() {
    let mut world = one_pool(&[(1, 2), (2, 2)]);
    for pf in world.host.pfs.values_mut() {
        pf.interface.as_mut().unwrap().permanent_mac = MacAddress::ZERO;
    }
    let last = Assignment {
        permanent_mac: Some(MacAddress::ZERO),
        ..at(3, 1)
    };
    let networks = [network("n1", Some("a"))];
    let (lines, memory) = run(&world, &networks, &remembered([("n1", last)]));
    assert_eq!(lines, ["n1 0000:01:01.0"]);
    assert_eq!(memory[&parse("n1")].permanent_mac, None);
}

#[test]
fn while_the_vfs_of_a_pf_go_no_network_takes_the_vf_of_another() {
    let mut world = one_pool(&[(1, 4), (2, 1)]);
    let networks = [network("n1", Some("a"))];
    let previous = remembered([("n1", at(1, 1))]);
    let first = |world: &mut World| world.host.pfs.values_mut().next().unwrap().clone();
    // The last one goes first.
    for left in [3, 2, 1] {
        let mut pf = first(&mut world);
        pf.vfs.retain(|index, _| index.0 < left);
        pf.num_vfs = left;
        world.host.pfs.insert(pf.address, pf);
        let (lines, memory) = run(&world, &networks, &previous);
        let expected = match left {
            1 => "n1: its VF 1 of 0000:01:00.0 is missing while the VFs of that PF come or go",
            _ => "n1 0000:01:01.1",
        };
        assert_eq!(lines, [expected], "{left}");
        assert_eq!(memory, previous);
    }
    // Nobody wants it any more, or all are gone: somebody else's is better than none.
    let mut pf = first(&mut world);
    let (_, resolution) = world.resolutions.iter_mut().next().unwrap();
    if let Resolution::Desired(desired) = resolution {
        desired.num_vfs = Some(1);
    }
    assert_eq!(run(&world, &networks, &previous).0, ["n1 0000:01:01.0"]);
    (pf.num_vfs, pf.vfs) = (0, BTreeMap::new());
    world.host.pfs.insert(pf.address, pf);
    assert_eq!(run(&world, &networks, &previous).0, ["n1 0000:02:01.0"]);
}

#[test]
fn without_a_vf_the_last_one_is_remembered() {
    let networks = [network("n1", Some("a"))];
    let previous = remembered([("n1", at(1, 3)), ("gone", at(1, 0))]);
    let (lines, memory) = run(&one_pool(&[]), &networks, &previous);
    assert_eq!(lines, ["n1: no VF of pool a is ready"]);
    assert_eq!(memory, remembered([("n1", at(1, 3))]));
    let (lines, _) = run(&one_pool(&[(1, 4)]), &networks, &memory);
    assert_eq!(lines, ["n1 0000:01:01.3"]);
}

#[test]
fn a_mac_that_cannot_be_read_now_is_not_forgotten() {
    let mut world = one_pool(&[(1, 1)]);
    world.host.pfs.values_mut().next().unwrap().interface = None;
    let previous = remembered([("n1", at(1, 0))]);
    let (_, memory) = run(&world, &[network("n1", Some("a"))], &previous);
    assert_eq!(memory, previous);
}

#[test]
fn more_networks_than_vfs_says_who_has_them() {
    let networks = ["n1", "n2", "n3"].map(|name| network(name, Some("a")));
    let (lines, memory) = run(
        &one_pool(&[(1, 2)]),
        &networks,
        &remembered([("n3", at(1, 0))]),
    );
    assert_eq!(
        lines[1],
        "n2: every ready VF of pool a has another network: \
         n1 has VF 1 of ens1f0, n3 has VF 0 of ens1f0"
    );
    assert!(!memory.contains_key(&parse("n2")));
}

#[test]
fn a_long_list_of_holders_is_cut() {
    let networks: Vec<_> = (10..21)
        .map(|number| network(&format!("n{number}"), Some("a")))
        .collect();
    let (lines, _) = run(&one_pool(&[(1, 10)]), &networks, &Memory::new());
    assert!(
        lines[10].ends_with("n17 has VF 7 of ens1f0, and 2 more"),
        "{}",
        lines[10]
    );
}

proptest! {
    #[test]
    fn every_vf_has_one_network_at_most_and_none_is_left_while_somebody_wants_it(
        world in any_world(), networks in any_networks(), previous in any_memory()
    ) {
        let pools = pools(&world.resolutions, &world.host);
        let assigned = assign(&networks, &pools, &previous, |_, _| false);
        let mut taken = BTreeSet::new();
        for network in &networks {
            match (&network.resource, assigned.get(&network.name)) {
                (None, None) => {}
                (Some(resource), Some(Ok(member))) => {
                    prop_assert!(taken.insert(member.vf.address));
                    prop_assert!(pools[resource].contains(member));
                }
                (Some(_), Some(Err(_))) => {}
                other => prop_assert!(false, "{other:?}"),
            }
        }
        for (network, _) in assigned.iter().filter(|(_, result)| result.is_err()) {
            let network = networks.iter().find(|candidate| candidate.name == **network).unwrap();
            let pool = pools.get(network.resource.as_ref().unwrap());
            let free = pool.into_iter().flatten().filter(|member| !taken.contains(&member.vf.address));
            prop_assert_eq!(free.count(), 0);
        }
    }

    #[test]
    fn the_order_of_networks_does_not_matter(
        world in any_world(), networks in any_networks(), previous in any_memory(), seed in any::<u64>()
    ) {
        let mut others = networks.clone();
        let middle = usize::try_from(seed % 8).unwrap().min(others.len());
        others.rotate_left(middle);
        others.reverse();
        prop_assert_eq!(run(&world, &networks, &previous), run(&world, &others, &previous));
    }

    #[test]
    fn a_second_run_moves_nothing(
        world in any_world(), networks in any_networks(), previous in any_memory()
    ) {
        let first = run(&world, &networks, &previous);
        let second = run(&world, &networks, &first.1);
        prop_assert_eq!(first, second);
    }

    #[test]
    fn networks_that_come_and_go_never_move_another(
        world in any_world(), networks in any_networks(), more in any_networks(), previous in any_memory()
    ) {
        let pools = pools(&world.resolutions, &world.host);
        let before = assign(&networks, &pools, &previous, |_, _| false);
        let memory = remember(&before, &previous);
        // Names that both have stay as they are; the rest is replaced.
        let changed: Vec<_> = more.iter().map(|new| {
            let old = networks.iter().find(|old| old.name == new.name);
            old.unwrap_or(new).clone()
        }).collect();
        let after = assign(&changed, &pools, &memory, |_, _| false);
        for (network, result) in &after {
            if let Some(Ok(was)) = before.get(network) {
                prop_assert_eq!(result, &Ok(*was));
            }
        }
    }

    #[test]
    fn a_network_that_lost_its_vf_gets_it_back(count in 1_u16..6, lost in 0_u16..6) {
        let lost = lost % count;
        let networks: Vec<_> = (0..count).map(|n| network(&format!("n{n}"), Some("a"))).collect();
        let world = one_pool(&[(1, count)]);
        let before = run(&world, &networks, &Memory::new());
        let mut without = world.clone();
        let pf = without.host.pfs.values_mut().next().unwrap();
        pf.vfs.remove(&VfIndex(lost));
        let between = run(&without, &networks, &before.1);
        prop_assert_ne!(&between.0, &before.0);
        prop_assert_eq!(run(&world, &networks, &between.1), before);
    }
}
