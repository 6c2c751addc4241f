//! The memory of what is ours is gone, the host and the policies are not.

use super::*;
use crate::sim::MemoryLedger;

fn lose_memory(agent: &mut SimAgent) {
    agent.ledger = MemoryLedger::lost();
}

#[test]
fn what_is_as_the_policies_want_it_is_ours_again() {
    let mut agent = agent(DriverModel::IGB, vec![policy("p", dataplane)]);
    converge(&mut agent);
    lose_memory(&mut agent);
    assert_eq!(converge(&mut agent), Vec::<String>::new());
    let owned = agent.ledger.owned(pf()).unwrap();
    assert!(owned.created_vfs);
    assert_eq!(owned.vfs.len(), 4);

    agent.policies = set(Vec::new());
    agent.pass(pf());
    assert_eq!(seen(&agent).num_vfs, 0);
    assert_eq!(agent.ledger.owned(pf()), None);
}

#[test]
fn what_it_was_before_is_not_known_so_it_goes_back_to_the_defaults() {
    let tag = |policy: &mut Policy| {
        policy.settings.vlan = Some(vlan(100));
        policy.mtu = Some(mtu(9000));
    };
    let user_space = |policy: &mut Policy| {
        policy.vfs = Some("2".parse().unwrap());
        policy.device_type = DeviceType::Driver(vfio());
    };
    let tagged = policy("a", |policy| {
        tag(policy);
        policy.vfs = Some("0-1".parse().unwrap());
    });
    let mut agent = agent(DriverModel::IGB, vec![tagged, policy("b", user_space)]);
    agent.host.set_num_vfs_by_hand(pf(), 3);
    converge(&mut agent);
    assert_eq!(drivers(&agent), ["igbvf", "igbvf", "vfio-pci"]);
    lose_memory(&mut agent);
    converge(&mut agent);

    // The VFs were never ours, as their number was never asked for.
    agent.policies = set(Vec::new());
    converge(&mut agent);
    assert_eq!(drivers(&agent), ["igbvf"; 3]);
    assert_eq!(vf(&agent, 0).settings.vlan, Some(Vlan::NONE));
    assert_eq!(seen(&agent).interface.unwrap().mtu, Mtu::ETHERNET);
    assert_eq!(vf(&agent, 1).interface.unwrap().mtu, Mtu::ETHERNET);
}

#[test]
fn what_no_policy_names_was_never_ours() {
    let mut agent = agent(DriverModel::IGB, Vec::new());
    agent.host.set_num_vfs_by_hand(pf(), 3);
    lose_memory(&mut agent);
    converge(&mut agent);
    assert_eq!(seen(&agent).num_vfs, 3);
    assert_eq!(agent.ledger.owned(pf()), None);
}

#[test]
fn what_is_presumed_ours_is_what_is_as_wanted() {
    let mut agent = agent(DriverModel::MLX5, vec![policy("a", dataplane)]);
    converge(&mut agent);
    let mut found = seen(&agent);
    let resolution = crate::policy::resolve::resolve(&agent.policies, &Default::default(), &found);
    let presumed_of = |pf: &PfSnapshot| presumed(&resolution, pf).unwrap();
    let ours = presumed_of(&found);
    assert_eq!(ours.autoprobe_before, None);
    let address = found.vfs[&VfIndex(0)].settings.mac;
    assert!(address.is_some());
    assert_eq!(ours.vfs[&VfIndex(0)].mac, address);

    found.autoprobe = false;
    let other = MacAddress([2, 0, 0, 0, 0, 9]);
    found.vfs.get_mut(&VfIndex(0)).unwrap().settings.mac = Some(other);
    let ours = presumed_of(&found);
    assert_eq!(ours.autoprobe_before, Some(true));
    assert_eq!(ours.vfs[&VfIndex(0)].mac, None);
}

#[test]
fn an_mtu_is_presumed_ours_if_it_is_as_wanted_and_not_the_usual_one() {
    let presumed = |wanted: Option<u32>, is: u32| {
        let mut agent = agent(DriverModel::MLX5, vec![policy("a", dataplane)]);
        converge(&mut agent);
        edit(&mut agent, |policy| {
            policy.mtu = wanted.map(mtu);
        });
        let mut found = seen(&agent);
        found.interface.as_mut().unwrap().mtu = mtu(is);
        for vf in found.vfs.values_mut() {
            vf.interface.as_mut().unwrap().mtu = mtu(is);
        }
        let resolution =
            crate::policy::resolve::resolve(&agent.policies, &Default::default(), &found);
        let ours = presumed(&resolution, &found).unwrap();
        (ours.mtu_before, ours.vfs[&VfIndex(0)].mtu)
    };
    assert_eq!(presumed(None, 1500), (None, false));
    assert_eq!(presumed(Some(9000), 1500), (None, false));
    assert_eq!(presumed(Some(1500), 1500), (None, true));
    assert_eq!(presumed(Some(9000), 9000), (Some(Mtu::ETHERNET), true));
}
