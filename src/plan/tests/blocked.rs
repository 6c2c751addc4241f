//! Steps that failed, and when they are tried again.

use super::*;
use crate::model::TxRate;

#[test]
fn only_what_may_pass_by_itself_is_allowed_to_be_retried() {
    let case = Case::new(0, count(3));
    let step = |to| Step::SetNumVfs { from: 0, to };
    let mut blocked = Blocked::default();
    blocked.insert(
        step(1),
        String::new(),
        Persistence::UntilChange,
        &case.pf,
        &case.pf,
    );
    let lasting = blocked.clone();
    assert!(!blocked.awaits_retry());
    for passing in [Persistence::Transient, Persistence::Busy] {
        blocked.insert(step(2), String::new(), passing, &case.pf, &case.pf);
        assert!(blocked.awaits_retry());
        blocked.allow_retries();
        assert_eq!(blocked, lasting);
    }
}

#[test]
fn what_is_forgotten_is_planned_again() {
    let mut case = Case::new(0, count(3));
    let step = Step::SetNumVfs { from: 0, to: 3 };
    case.block(step.clone());
    assert!(!case.plan().steps.contains(&step));
    case.blocked.forget(&step);
    assert!(case.plan().steps.contains(&step));
}

#[test]
fn plan_calls_it_no_failure_that_another_program_is_at_work() {
    let mut case = Case::new(0, count(3));
    let step = Step::SetNumVfs { from: 0, to: 3 };
    let reason = "VF 0 is locked by another program".to_owned();
    let pf = case.pf.clone();
    case.blocked
        .insert(step, reason, Persistence::Busy, &pf, &pf);
    case.plans(&[]);
    case.reports(&[(ProblemKind::Awaits, None)]);
}

#[test]
fn plan_tries_again_what_failed_while_the_link_changed() {
    let rate = TxRate { min: 0, max: 100 };
    let step = Step::SetVf {
        interface: 7,
        vf: VfIndex(0),
        setting: VfSetting::TxRate(rate),
    };
    let case = Case::new(1, |_| {});
    let after = &case.pf;
    let failed_at = |before: &PfSnapshot| {
        let mut blocked = Blocked::default();
        let persistence = Persistence::UntilChange;
        blocked.insert(step.clone(), String::new(), persistence, before, after);
        blocked
    };
    assert!(failed_at(after).stands(&step, after));

    let mut without_link = after.clone();
    without_link.interface.as_mut().unwrap().carrier = false;
    assert!(!failed_at(&without_link).stands(&step, after));
    let mut other_mtu = after.clone();
    other_mtu.interface.as_mut().unwrap().mtu = Mtu::try_from(3000).unwrap();
    assert!(!failed_at(&other_mtu).stands(&step, after));
}

#[test]
fn plan_binds_a_vf_again_when_the_pf_that_was_resetting_has_its_link() {
    let case = Case::new(1, |_| {});
    let step = Step::Bind {
        vf: VfIndex(0),
        address: case.pf.vfs[&VfIndex(0)].address,
        to: BindTarget::Default,
    };
    let stands_with_link = |resetting: &PfSnapshot| {
        let mut blocked = Blocked::default();
        let persistence = Persistence::UntilChange;
        blocked.insert(
            step.clone(),
            String::new(),
            persistence,
            resetting,
            resetting,
        );
        assert!(blocked.stands(&step, resetting));
        let mut done = resetting.clone();
        done.interface.as_mut().unwrap().carrier = true;
        blocked.stands(&step, &done)
    };
    let mut resetting = case.pf.clone();
    resetting.interface.as_mut().unwrap().carrier = false;
    assert!(!stands_with_link(&resetting));
    // One that no driver took depends on the drivers that are there, not on the link.
    resetting.vfs.get_mut(&VfIndex(0)).unwrap().driver = None;
    assert!(stands_with_link(&resetting));
}

/// Where no VF is bound again for an address that comes later.
#[test]
fn plan_binds_a_vf_without_its_address_only_if_that_would_not_come() {
    let mac = MacAddress([2, 0, 0, 0, 0, 1]);
    let vlan = Vlan {
        id: 7,
        ..Vlan::NONE
    };
    let case = |disruption| {
        let mut case = Case::new(1, |policy| {
            policy.num_vfs = Some(NumVfs::Count(1));
            policy.mac = MacChoice::Fixed(mac);
            policy.settings.vlan = Some(vlan);
            policy.disruption = disruption;
        });
        let vf = case.vf(0);
        (vf.driver, vf.interface) = (None, None);
        case
    };
    let set = |setting| Step::SetVf {
        interface: case(Disruption::Never).pf.interface.unwrap().index,
        vf: VfIndex(0),
        setting,
    };
    let failed = |disruption, setting, persistence| {
        let mut case = case(disruption);
        let pf = case.pf.clone();
        case.blocked
            .insert(set(setting), "refused".to_owned(), persistence, &pf, &pf);
        case
    };
    let (mac, vlan) = (VfSetting::Mac(mac), VfSetting::Vlan(vlan));
    let (set_mac, set_vlan) = (set(mac).to_string(), set(vlan).to_string());
    let bind = "VF 0 driver default";

    case(Disruption::Never).plans(&[&set_mac, &set_vlan, bind]);
    let never = |setting, persistence| failed(Disruption::Never, setting, persistence);
    never(mac, Persistence::Transient).plans(&[&set_vlan]);
    never(mac, Persistence::UntilChange).plans(&[&set_vlan, bind]);
    never(vlan, Persistence::Transient).plans(&[&set_mac, bind]);
    failed(Disruption::WhenUnused, mac, Persistence::Transient).plans(&[&set_vlan, bind]);
    let mut changed = never(mac, Persistence::Transient);
    changed.interface().carrier ^= true;
    changed.plans(&[&set_mac, &set_vlan, bind]);
}
