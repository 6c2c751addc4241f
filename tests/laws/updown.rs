//! Whether a PF is up: before its policies, with them, and after them.

use super::crash::Moments;
use super::run::Run;
use super::world::{self, Event, World};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseError;
use sriovd_core::model::PfSnapshot;
use sriovd_core::policy::OnRemoval;

/// What others make of a PF that has its VFs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    Nothing,
    Address,
    /// It is set down, and up again.
    DownAndUp,
}

pub(crate) fn uses() -> impl Strategy<Value = Use> {
    select(vec![Use::Nothing, Use::Address, Use::DownAndUp])
}

fn is_up(pf: &PfSnapshot) -> bool {
    pf.interface.as_ref().is_some_and(|nic| nic.up)
}

/// At the moment at which no policy names the PF any more. `None`: its VFs do not come to rest.
fn before(world: &World, slot: usize, was_up: bool, by: Use) -> Option<Run> {
    let mut run = Run::new(&World {
        policies: [world.policies[0].clone(), Vec::new()],
        nics: world.nics.clone(),
    });
    let pf = world::slot(slot);
    run.agent.host.set_pf_up(pf, was_up);
    run.settle()?;
    match by {
        Use::Nothing => {}
        Use::Address => run.happen(&Event::UsePf(slot, true)),
        Use::DownAndUp => {
            for up in [false, true] {
                run.happen(&Event::PfUp(slot, up));
                run.settle()?;
            }
        }
    }
    run.happen(&Event::Policies(1));
    Some(run)
}

pub(crate) fn check(
    world: &World,
    slot: usize,
    was_up: bool,
    by: Use,
) -> Result<(), TestCaseError> {
    let pf = world::slot(slot);
    let Some(mut undisturbed) = before(world, slot, was_up, by) else {
        return Ok(());
    };
    let Some(met) = undisturbed.agent.host.pf(pf) else {
        return Ok(());
    };
    let mut policies = world.policies[0].iter();
    let may_be_kept = policies.any(|policy| policy.on_removal == OnRemoval::Keep);
    let moments = Moments::all();
    undisturbed.watched_pass(pf, &moments);
    for moment in 0..=moments.seen() {
        let Some(mut run) = before(world, slot, was_up, by) else {
            return Ok(());
        };
        run.watched_pass(pf, &Moments::until(moment));
        run.agent.restart();
        prop_assert!(run.settle().is_some(), "still at work after several passes");
        let after = run.agent.host.pf(pf).unwrap();
        let (up, told) = (
            is_up(&after),
            format!("died at {moment} of {}", moments.seen()),
        );
        if was_up || by != Use::Nothing || after.num_vfs != 0 {
            prop_assert_eq!(up, is_up(&met), "{}", told);
        } else if !may_be_kept {
            prop_assert!(!up, "{}", told);
        }
    }
    Ok(())
}
