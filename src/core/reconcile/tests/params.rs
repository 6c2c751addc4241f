//! Parameters of the PF's driver, and what starting the device anew takes with it.

use super::*;
use crate::model::{Errno, EswitchMode, ParamValue};

fn without_roce(policy: &mut Policy) {
    let off = ParamValue::Switch(false);
    policy.devlink = [("enable_roce".to_owned(), off)].into();
}

/// But for the parameters, and for the interface's number, which is another each time.
fn same(pf: PfSnapshot) -> PfSnapshot {
    let mut pf = pf;
    pf.interface.as_mut().unwrap().index = 0;
    pf.params = None;
    pf
}

#[test]
fn what_others_had_set_is_so_again_after_the_device_was_started_anew() {
    let mut agent = agent(DriverModel::MLX5, vec![policy("a", without_roce)]);
    let host = &agent.host;
    host.set_pf_up(pf(), true);
    host.set_pf_mtu(pf(), mtu(9000));
    host.set_eswitch_mode(pf(), EswitchMode::Switchdev);
    host.edit(pf(), |pf| {
        pf.snapshot.interface.as_mut().unwrap().tc_offload = Some(true);
    });
    let before = same(seen(&agent));
    let [first, second] = [true, false].map(|is_first| {
        if !is_first {
            agent.policies = set(Vec::new());
        }
        let steps = converge(&mut agent);
        assert_eq!(same(seen(&agent)), before);
        steps
    });
    assert_eq!(
        first[..2],
        ["devlink parameter enable_roce false", "devlink reload"]
    );
    assert_eq!(
        second[..2],
        ["devlink parameter enable_roce true", "devlink reload"]
    );
    assert_eq!(agent.ledger.memory().pfs.len(), 0);
}

#[test]
fn an_interface_that_was_set_up_for_vfs_goes_down_with_them_though_the_device_was_started_anew() {
    let roce = |policy: &mut Policy| {
        without_roce(policy);
        policy.num_vfs = Some(NumVfs::Count(2));
    };
    let mut agent = agent(DriverModel::MLX5, vec![policy("a", count(2))]);
    converge(&mut agent);
    agent.policies = set(vec![policy("a", roce)]);
    converge(&mut agent);
    assert!(seen(&agent).interface.unwrap().up);
    agent.policies = set(Vec::new());
    converge(&mut agent);
    assert!(!seen(&agent).interface.unwrap().up);
}

#[test]
fn nothing_is_started_anew_for_a_parameter_that_is_refused() {
    let roce = |policy: &mut Policy| {
        without_roce(policy);
        policy.num_vfs = Some(NumVfs::Count(2));
    };
    let mut agent = agent(DriverModel::MLX5, vec![policy("a", roce)]);
    let sets = |action: &Action| action.step.kind() == "set-devlink-param";
    agent.host.fail_next(sets, Errno::PERM, u32::MAX);
    let outcome = agent.pass(pf());
    assert_eq!(kinds(&outcome), [(ProblemKind::Failed, None)]);
    assert!(!done(&outcome).contains(&"devlink reload".to_owned()));
    assert_eq!(seen(&agent).num_vfs, 2);
    assert_settled(&mut agent);
    assert!(!agent.ledger.memory().pfs[&pf()].reload_due);
}
