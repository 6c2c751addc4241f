//! What a pass says about who else is at work on a PF.

use super::contest::Evidence;
use super::slot::{Running, Slot};
use sriovd_core::model::{Part, PfStep, Step, VfStep};
use sriovd_core::policy::resolve::Resolution;
use sriovd_core::report::{Performed, Problem, ProblemKind, Seen};
use std::collections::BTreeSet;
use std::time::Instant;

/// Sees whether another program keeps undoing what passes do.
pub(super) fn note_contests(
    slot: &mut Slot,
    seen: &mut Seen,
    performed: &[Performed],
    undone: &BTreeSet<Step>,
    running: &Running,
) {
    let performed: BTreeSet<_> = performed.iter().map(|it| it.step.clone()).collect();
    // VFs that are made anew have nothing left of what they had.
    let anew = performed
        .iter()
        .any(|step| step.facts().part == Part::Count);
    let before = slot.seen.as_deref().filter(|_| !running.cause.is_wish());
    let was_so = |step: &&Step| before.is_some_and(|before| had_done(before, step));
    let repairs: BTreeSet<_> = performed
        .iter()
        .filter(was_so)
        .filter(|step| step.vf().is_none() || !anew)
        .cloned()
        .collect();
    slot.contests.note(&Evidence {
        performed: &performed,
        repairs: &repairs,
        undone,
        begun: running.since,
        ended: Instant::now(),
    });
    slot.not_before = slot.contests.next_look(Instant::now());
    for problem in slot.contests.problems() {
        // That it reads back as before is the other one's doing, and no failure.
        seen.problems.retain(|it| it.step != problem.step);
        problem
            .step
            .iter()
            .for_each(|step| slot.blocked.forget(step));
        seen.problems.push(problem);
    }
    seen.problems.sort();
}

/// Whether the step was behind us: the pass that saw this would have planned it otherwise.
fn had_done(seen: &Seen, step: &Step) -> bool {
    let pf = &seen.pf;
    let is_same = |index: u32| pf.interface.as_ref().is_some_and(|nic| nic.index == index);
    let possible = match step {
        Step::Pf(
            PfStep::SetAutoprobe { .. }
            | PfStep::SetNumVfs { .. }
            | PfStep::SetEswitchMode { .. }
            | PfStep::SetDevlinkParam { .. }
            | PfStep::ReloadDevlink,
        ) => pf.interface.is_some(),
        // Whether it was so was looked at, and nothing else but the database decides about it.
        Step::Pf(PfStep::SetBridge(_) | PfStep::RemoveBridge { .. }) => pf.open_vswitch.is_some(),
        Step::Pf(
            PfStep::SetUp { interface }
            | PfStep::SetDown { interface }
            | PfStep::SetMtu { interface, .. }
            | PfStep::SetTcOffload { interface, .. },
        ) => is_same(*interface),
        Step::Vf(vf, VfStep::SetAttribute { interface, .. }) => {
            is_same(*interface) && pf.vfs.contains_key(vf)
        }
        Step::Vf(vf, VfStep::Bind { address, .. }) => {
            pf.vfs.get(vf).is_some_and(|vf| vf.address == *address)
        }
        Step::Vf(
            vf,
            VfStep::SetRepresentorUp { interface }
            | VfStep::SetRepresentorMtu { interface, .. }
            | VfStep::SetRepresentorTcOffload { interface, .. },
        ) => {
            let there = pf.vfs.get(vf).and_then(|vf| vf.representor.as_ref());
            there.is_some_and(|there| there.index == *interface)
        }
        Step::Vf(vf, VfStep::SetMtu { interface, .. }) => {
            let nic = pf.vfs.get(vf).and_then(|vf| vf.interface.as_ref());
            nic.is_some_and(|nic| nic.index == *interface)
        }
    };
    let is_desired = matches!(seen.resolution, Resolution::Desired(_));
    // Others may be the reason why less was planned.
    let leaves_the_step_alone = |problem: &Problem| {
        use ProblemKind::{Awaits, Contested, Failed, OfOthers, PfDown, PortOfBond, Unsupported};
        let is_of_a_step = match problem.kind {
            Contested | Failed | PfDown | PortOfBond | Unsupported => true,
            Awaits => problem.step.is_some(),
            OfOthers => return problem.vf != step.vf(),
            _ => false,
        };
        is_of_a_step && problem.step.as_ref() != Some(step)
    };
    possible && is_desired && seen.problems.iter().all(leaves_the_step_alone)
}

#[cfg(test)]
mod tests;
