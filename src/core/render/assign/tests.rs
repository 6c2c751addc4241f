//! A network keeps its VF whatever happens around it.

use super::*;
use crate::model::{MacAddress, VfIndex};
use crate::policy::resolve::Resolution;
use crate::render::fixture::*;
use crate::render::pools::{is_coming, pools};
use proptest::prelude::*;

type Memory = BTreeMap<NetworkName, Assignment>;

fn assign_in<'a>(
    world: &ManagedHost,
    pools: &Pools<'a>,
    networks: &'a [Network],
    previous: &Memory,
) -> Assignments<'a> {
    let known = world.known();
    let coming = |resource: &_, last: &_| is_coming(resource, last, &known);
    assign(networks, pools, previous, coming)
}

fn run(world: &ManagedHost, networks: &[Network], previous: &Memory) -> (Vec<String>, Memory) {
    let known = world.known();
    let pools = pools(&known);
    let assigned = assign_in(world, &pools, networks, previous);
    let line = |(name, result): (&&NetworkName, &Result<Member<'_>, NoVf>)| match result {
        Ok(member) => format!("{name} {}", member.vf.address),
        Err(error) => format!("{name}: {error}"),
    };
    let lines = assigned.iter().map(line).collect();
    (lines, remember(&assigned, previous))
}

fn one_pool(pfs: &[(u8, u16)]) -> ManagedHost {
    ManagedHost::of(
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
fn a_network_waits_for_its_vf_while_that_is_made_again() {
    let networks = [network("n1", Some("a"))];
    let previous = remembered([("n1", at(1, 0))]);
    let mut world = one_pool(&[(1, 3), (2, 3)]);
    let address = pf(1, 0).address;
    let seen = world.host.pfs.get_mut(&address).unwrap();
    seen.vfs.remove(&VfIndex(0));
    let waits = ["n1: VF 0 of 0000:01:00.0, which it has, is not ready"];
    let (lines, memory) = run(&world, &networks, &previous);
    assert_eq!(lines, waits);
    assert_eq!(memory, previous);
    // While its driver is not bound a PF is known by its slot.
    let seen = world.host.pfs.get_mut(&address).unwrap();
    seen.interface = None;
    assert_eq!(run(&world, &networks, &previous).0, waits);
    world.resolutions.insert(address, Resolution::AwaitsName);
    assert_eq!(run(&world, &networks, &previous).0, waits);
}

#[test]
fn a_network_moves_when_its_vf_is_not_meant_for_it_any_more() {
    let networks = [network("n1", Some("a"))];
    let previous = remembered([("n1", at(1, 0))]);
    let moved = ["n1 0000:02:01.0"];
    let address = pf(1, 0).address;
    let world = || one_pool(&[(1, 0), (2, 3)]);
    assert_eq!(run(&world(), &networks, &previous).0, moved);
    for resolution in [None, Some(Resolution::Unmatched)] {
        let mut world = world();
        world.resolutions.remove(&address);
        world.resolutions.extend(resolution.map(|it| (address, it)));
        assert_eq!(run(&world, &networks, &previous).0, moved);
    }
    // Somebody else makes the VFs: whether it comes back is known once he is done.
    let mut world = world();
    let Some(Resolution::Desired(desired)) = world.resolutions.get_mut(&address) else {
        panic!("it is wanted");
    };
    desired.external = true;
    assert_eq!(run(&world, &networks, &previous).0, moved);
    world.host.pfs.get_mut(&address).unwrap().count_is_changing = true;
    assert_ne!(run(&world, &networks, &previous).0, moved);
}

#[test]
fn who_had_the_vf_that_another_has_now_takes_a_free_one() {
    let networks = [network("n1", Some("a")), network("n2", Some("a"))];
    let previous = remembered([("n1", at(1, 0)), ("n2", at(1, 0))]);
    let (lines, _) = run(&one_pool(&[(1, 2)]), &networks, &previous);
    assert_eq!(lines, ["n1 0000:01:01.0", "n2 0000:01:01.1"]);
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
        let known = world.known();
        let pools = pools(&known);
        let assigned = assign_in(&world, &pools, &networks, &previous);
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
        let waits = |result: &_| matches!(result, Err(NoVf::NotReady { .. }));
        let without = |result: &Result<_, _>| result.is_err() && !waits(result);
        for (network, _) in assigned.iter().filter(|(_, result)| without(result)) {
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
        let known = world.known();
        let pools = pools(&known);
        let before = assign_in(&world, &pools, &networks, &previous);
        let memory = remember(&before, &previous);
        // Names that both have stay as they are; the rest is replaced.
        let changed: Vec<_> = more.iter().map(|new| {
            let old = networks.iter().find(|old| old.name == new.name);
            old.unwrap_or(new).clone()
        }).collect();
        let after = assign_in(&world, &pools, &changed, &memory);
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
