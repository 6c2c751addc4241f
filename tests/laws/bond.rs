//! A PF that is a port of a bond for a while, which gives its ports its own MTU.

use super::check;
use super::run::Run;
use super::world::{self, Event, World};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use sriovd_core::model::{Mtu, PfStep, Step};

/// The bond's MTU stays, it is told where a policy wants a larger one, and without the bond all is as
/// the policies want it.
pub(crate) fn check(
    world: &World,
    events: &[Event],
    slot: usize,
    mtu: Mtu,
) -> Result<(), TestCaseError> {
    let pf = world::slot(slot);
    let mut run = Run::new(world);
    events.iter().for_each(|event| run.happen(event));
    run.end_faults();
    let bond = "bond0".parse().unwrap();
    run.agent.host.join_bond(pf, bond, mtu);
    run.agent.host.take_attempts();
    let settled = run.settle();
    prop_assert!(settled.is_some(), "still at work after several passes");
    let attempts = run.agent.host.take_attempts();
    let sets_mtu = attempts.into_iter().find(|it| {
        let step = &it.action.step;
        it.action.pf == pf && matches!(step, Step::Pf(PfStep::SetMtu { .. }))
    });
    prop_assert_eq!(sets_mtu, None);
    check::problems_explain_what_is_missing(&settled.unwrap())?;
    check::another_pass_does_nothing(&mut run)?;
    run.agent.host.leave_bond(pf);
    run.agent.restart();
    let settled = run.settle();
    prop_assert!(settled.is_some(), "still at work after several passes");
    let settled = settled.unwrap();
    check::problems_explain_what_is_missing(&settled)?;
    check::only_real_obstacles_are_left(&run, &settled)
}
