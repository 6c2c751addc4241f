//! What an agent promises, whatever happens.

use super::check;
use super::run::Run;
use super::world::{Event, World};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

pub(crate) fn check(world: &World, events: &[Event]) -> Result<(), TestCaseError> {
    let mut run = Run::new(world);
    for event in events {
        run.happen(event);
        check::nobody_lost_a_vf(&run)?;
        check::no_address_was_given_twice(&run)?;
    }
    run.end_faults();
    let settled = run.settle();
    prop_assert!(settled.is_some(), "still at work after several passes");
    check::another_pass_does_nothing(&mut run)?;
    check::problems_explain_what_is_missing(&settled.unwrap())?;
    // Also what failed for good, before the faults stopped, is tried by a new agent.
    run.agent.restart();
    let settled = run.settle();
    prop_assert!(settled.is_some(), "still at work after several passes");
    check::another_pass_does_nothing(&mut run)?;
    let settled = settled.unwrap();
    check::problems_explain_what_is_missing(&settled)?;
    check::only_real_obstacles_are_left(&run, &settled)?;
    check::nobody_lost_a_vf(&run)?;
    check::no_address_was_given_twice(&run)
}
