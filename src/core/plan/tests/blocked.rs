//! Steps that failed, and when they are tried again.

use super::*;
use crate::model::TxRate;

#[test]
fn only_what_may_pass_by_itself_is_allowed_to_be_retried() {
    let case = Case::new(0, count(3));
    let step = |to| Step::Pf(PfStep::SetNumVfs { from: 0, to });
    let mut blocked = Blocked::default();
    blocked.insert(
        step(1),
        String::new(),
        Persistence::UntilChange,
        &case.pf,
        &case.pf,
    );
    assert!(!blocked.awaits_retry());
    use Persistence::{Busy, Coming, Doubtful, Shortage, Transient};
    for passing in [Transient, Shortage, Doubtful, Busy, Coming] {
        blocked.insert(step(2), String::new(), passing, &case.pf, &case.pf);
        assert!(blocked.awaits_retry());
        assert!(blocked.stands(&step(2), &case.pf));
        blocked.allow_retries();
        assert!(!blocked.stands(&step(2), &case.pf));
        assert!(blocked.stands(&step(1), &case.pf));
        blocked.forget(&step(2));
    }
}

/// What each way to fail is called at the first try and later, and until when the system's start
/// waits for it.
#[test]
fn what_is_still_coming_is_waiting_and_what_lasts_has_failed() {
    use Persistence::{
        Busy, Coming, Doubtful, Service, Shortage, Transient, Unsupported, UntilChange,
    };
    use ProblemKind::{Awaits, Failed};
    let case = Case::new(0, count(3));
    let step = Step::Pf(PfStep::SetNumVfs { from: 0, to: 3 });
    // At first, after so many tries, and whether it is tried again then.
    let table = [
        (Coming, Awaits, true, (100, Awaits, true)),
        (Busy, Awaits, false, (100, Awaits, true)),
        (Transient, Awaits, true, (8, Failed, true)),
        (Service, Awaits, false, (8, Failed, true)),
        (Shortage, Failed, false, (100, Failed, true)),
        (Doubtful, Awaits, true, (5, Failed, false)),
        (UntilChange, Failed, false, (2, Failed, false)),
        (Unsupported, Failed, false, (2, Failed, false)),
    ];
    for (persistence, first, delays_the_start, (tries, last, goes_on)) in table {
        let mut blocked = Blocked::default();
        let mut fail = || {
            blocked.allow_retries();
            let (pf, reason) = (&case.pf, "it failed".to_owned());
            blocked.insert(step.clone(), reason, persistence, pf, pf);
            let kind = blocked.problem(&step, pf).map(|problem| problem.kind);
            (kind, blocked.is_coming(), blocked.awaits_retry())
        };
        let (kind, coming, _) = fail();
        assert_eq!((kind, coming), (Some(first), delays_the_start));
        for _ in 2..tries {
            assert_eq!(fail().0, Some(first), "{persistence:?}");
        }
        let coming = delays_the_start && last == Awaits;
        assert_eq!(fail(), (Some(last), coming, goes_on), "{persistence:?}");
    }
}

#[test]
fn vfs_that_found_no_driver_are_bound_when_there_is_another() {
    let mut case = Case::new(1, |_| {});
    case.vf(0).driver = None;
    let vf = case.vf(0).clone();
    let bind = Step::Vf(
        VfIndex(0),
        VfStep::Bind {
            address: vf.address,
            from: None,
            to: BindTarget::Default,
        },
    );
    let count = Step::Pf(PfStep::SetNumVfs { from: 1, to: 0 });
    case.block(bind.clone());
    case.block(count.clone());
    assert!(case.blocked.awaits_driver());
    case.blocked.allow_binds();
    assert!(!case.blocked.stands(&bind, &case.pf));
    assert!(case.blocked.stands(&count, &case.pf));
}

#[test]
fn what_is_forgotten_is_planned_again() {
    let mut case = Case::new(0, count(3));
    let step = Step::Pf(PfStep::SetNumVfs { from: 0, to: 3 });
    case.block(step.clone());
    assert!(!case.plan().steps.contains(&step));
    case.blocked.forget(&step);
    assert!(case.plan().steps.contains(&step));
}

#[test]
fn plan_calls_it_no_failure_that_another_program_is_at_work() {
    let mut case = Case::new(0, count(3));
    let step = Step::Pf(PfStep::SetNumVfs { from: 0, to: 3 });
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
    let step = Step::Vf(
        VfIndex(0),
        VfStep::SetAttribute {
            interface: 7,
            setting: VfSetting::TxRate(rate),
        },
    );
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
    let step = Step::Vf(
        VfIndex(0),
        VfStep::Bind {
            address: case.pf.vfs[&VfIndex(0)].address,
            from: case.pf.vfs[&VfIndex(0)].driver.clone(),
            to: BindTarget::Default,
        },
    );
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
    let set = |setting| {
        Step::Vf(
            VfIndex(0),
            VfStep::SetAttribute {
                interface: case(Disruption::Never).pf.interface.unwrap().index,
                setting,
            },
        )
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
