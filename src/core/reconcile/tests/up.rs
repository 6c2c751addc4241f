//! A PF that is set up for its VFs, and down again.

use super::*;

/// `between`: what others do while there are VFs, with a pass after each. Whether the PF is up at last.
fn is_up_after_removal(between: &[&dyn Fn(&SimHost)]) -> bool {
    let mut agent = created(vec![policy("a", count(4))]);
    assert!(seen(&agent).interface.unwrap().up);
    for hand in between {
        hand(&agent.host);
        agent.pass(pf());
    }
    agent.policies = set(Vec::new());
    converge(&mut agent);
    assert_eq!(seen(&agent).num_vfs, 0);
    assert_eq!(agent.ledger.memory().pfs.len(), 0);
    seen(&agent).interface.unwrap().up
}

#[test]
fn a_pf_that_was_set_up_for_its_vfs_is_set_down_when_they_are_gone() {
    assert!(!is_up_after_removal(&[]));
    let address = |host: &SimHost| {
        let address = "192.0.2.1".to_owned();
        host.use_pf(pf(), Holder::Address { address });
    };
    assert!(is_up_after_removal(&[&address]));
    assert!(!is_up_after_removal(
        &[&address, &|host: &SimHost| host.leave_pf(pf())]
    ));
    let set = |up| move |host: &SimHost| host.set_pf_up(pf(), up);
    assert!(!is_up_after_removal(&[&set(false)]));
    assert!(is_up_after_removal(&[&set(false), &set(true)]));
    assert!(!is_up_after_removal(&[
        &|host: &SimHost| host.set_num_vfs_by_hand(pf(), 0)
    ]));
}

#[test]
fn a_pf_that_was_up_before_its_vfs_stays_up() {
    let mut agent = agent(DriverModel::IGB, vec![policy("a", count(4))]);
    agent.host.set_pf_up(pf(), true);
    converge(&mut agent);
    agent.policies = set(Vec::new());
    assert_eq!(converge(&mut agent), ["numvfs 4 -> 0"]);
    assert!(seen(&agent).interface.unwrap().up);
}

#[test]
fn a_pf_that_was_set_up_for_vfs_of_others_stays_up() {
    let external = |policy: &mut Policy| policy.external = Some(true);
    let mut agent = agent(DriverModel::IGB, vec![policy("a", external)]);
    agent.host.set_num_vfs_by_hand(pf(), 2);
    assert_eq!(converge(&mut agent), ["PF up"]);
    agent.policies = set(Vec::new());
    converge(&mut agent);
    agent.host.set_num_vfs_by_hand(pf(), 0);
    assert_settled(&mut agent);
    assert!(seen(&agent).interface.unwrap().up);
}

/// After a boot a PF that is up is up for another reason.
#[test]
fn what_was_set_up_before_a_boot_is_not_set_down_after_it() {
    let mut agent = created(vec![policy("a", count(4))]);
    agent.host.set_num_vfs_by_hand(pf(), 0);
    let mut memory = agent.ledger.memory();
    memory.start("6.12", false);
    assert!(memory.pfs[&pf()].brought_up.is_some());
    memory.start("6.12", true);
    agent.ledger = crate::sim::MemoryLedger::from(memory);
    agent.policies = set(Vec::new());
    converge(&mut agent);
    assert!(seen(&agent).interface.unwrap().up);
}
