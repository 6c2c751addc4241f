//! A follower that takes every change has the world as it is, and nothing new is no change.

use super::*;
use proptest::prelude::*;

fn a_pf(slot: u8, vfs_wanted: u16) -> Arc<WorldPf> {
    let address = format!("0000:3b:{slot:02x}.0").parse().unwrap();
    Arc::new(WorldPf {
        vfs_wanted,
        ..WorldPf::unseen(address, Vec::new())
    })
}

fn pfs() -> impl Strategy<Value = BTreeMap<PciAddress, Arc<WorldPf>>> {
    let pf = (0_u8..6, 0_u16..3).prop_map(|(slot, wanted)| a_pf(slot, wanted));
    proptest::collection::vec(pf, 0..6)
        .prop_map(|pfs| pfs.into_iter().map(|pf| (pf.address, pf)).collect())
}

proptest! {
    #[test]
    fn changes_lead_a_follower_to_the_world_as_it_is(
        steps in proptest::collection::vec((pfs(), any::<bool>()), 1..8),
        reads in proptest::collection::vec(any::<bool>(), 8),
    ) {
        let mut world = World::default();
        let mut follower = World::default();
        let mut known = world.clone();
        follower.follow(world.whole());
        for ((pfs, starting), reads) in steps.into_iter().zip(reads) {
            let before = world.clone();
            world = match world.next("node", starting, pfs.clone()) {
                Some(next) => {
                    prop_assert_eq!(next.generation, before.generation + 1);
                    next
                }
                None => {
                    prop_assert_eq!(world.pfs(), &pfs);
                    world
                }
            };
            // One that reads slowly misses some worlds, and never what became of them.
            if reads {
                let change = world.since(&known);
                let text = serde_json::to_string(&change).unwrap();
                follower.follow(serde_json::from_str(&text).unwrap());
                known = world.clone();
                prop_assert_eq!(&follower, &world);
            }
        }
        follower.follow(world.whole());
        prop_assert_eq!(&follower, &world);
        let text = serde_json::to_string(&world).unwrap();
        prop_assert_eq!(serde_json::from_str::<World>(&text).unwrap(), world);
    }
}

#[test]
fn what_is_the_same_is_no_next_world_and_only_what_changed_is_told_again() {
    let all = |pfs: [Arc<WorldPf>; 2]| pfs.into_iter().map(|pf| (pf.address, pf)).collect();
    let first = World::default();
    let first = first.next("node", false, all([a_pf(0, 2), a_pf(1, 2)]));
    let first = first.unwrap();
    // Also where the values are others and say the same.
    assert_eq!(
        first.next("node", false, all([a_pf(0, 2), a_pf(1, 2)])),
        None
    );
    let second = first.next("node", false, all([a_pf(0, 2), a_pf(2, 1)]));
    let second = second.unwrap();
    let change = second.since(&first);
    assert_eq!((change.generation, change.whole), (2, false));
    assert_eq!(change.pfs, [a_pf(2, 1)]);
    assert_eq!(change.gone, ["0000:3b:01.0".parse().unwrap()]);
}
