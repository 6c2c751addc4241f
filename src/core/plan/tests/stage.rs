//! How far a plan goes.

use super::*;
use crate::plan::stage::{self, Stage};

/// The stage that waits, in the order in which they come.
fn waits_at(case: &Case) -> Option<Stage> {
    let Resolution::Desired(desired) = case.resolution() else {
        panic!("no policy names it");
    };
    let input = Input {
        resolution: &Resolution::Unmatched,
        pf: &case.pf,
        paused: None,
        owned: case.owned.as_ref(),
        others: Others::Known(&TakenAddresses::default()),
        blocked: &case.blocked,
        force: false,
        interface_is_overdue: false,
    };
    stage::plan(&input, &desired, &mut Plan::default())
}

#[test]
fn a_plan_ends_with_the_stage_that_the_others_hang_on() {
    let case = || {
        Case::new(2, |policy| {
            policy.num_vfs = Some(NumVfs::Count(2));
            policy.settings.vlan = Some(vlan(7));
        })
    };
    assert_eq!(waits_at(&case()), None);

    let mut restarts = case();
    restarts.policies[0].mtu = Some(mtu(9000));
    assert_eq!(waits_at(&restarts), Some(Stage::Link));

    restarts.pf.vf_list_complete = false;
    assert_eq!(waits_at(&restarts), Some(Stage::VfList));

    restarts.policies[0].num_vfs = Some(NumVfs::Count(3));
    assert_eq!(waits_at(&restarts), Some(Stage::Count));

    restarts.pf.interface = None;
    assert_eq!(waits_at(&restarts), Some(Stage::Interface));

    restarts.pf.driver = None;
    assert_eq!(waits_at(&restarts), Some(Stage::Driver));
}
