//! One pass per PF at a time, PFs side by side.

use super::evidence::note_contests;
use super::outputs::publish;
use super::seen::{could_not_look, saw};
use super::slot::{Retry, Slot, Waiting, tell_done};
use super::value::Daemon;
use super::{job, journal};
use crate::events::Cause;
use sriovd_core::model::{Holder, PciAddress, VfIndex};
use sriovd_core::reconcile::{End, Outcome};
use sriovd_core::report::{Happening, Pause, ProblemKind, Seen, TakenVf};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;
use tokio::sync::oneshot;

/// Holds everything until it is known what is there.
const ONLY_LOOKING: Pause = Pause {
    until: None,
    by: String::new(),
};

/// See to it that a pass begins after now.
pub(super) fn ask(daemon: &mut Daemon, pf: PciAddress, mut waiting: Waiting) {
    let slot = daemon.slots.entry(pf).or_insert_with(|| {
        daemon.shared.addresses.expect(pf);
        Slot::default()
    });
    if slot.is_hung() {
        for tell in waiting.tell.drain(..) {
            tell_done(tell, Vec::new());
        }
    }
    match &mut slot.waiting {
        Some(already) => already.merge(waiting),
        none => *none = Some(waiting),
    }
    begin(daemon, pf);
}

pub(super) fn begin(daemon: &mut Daemon, pf: PciAddress) {
    let Some(slot) = daemon.slots.get_mut(&pf) else {
        return;
    };
    // Before the policies are read it would look as if there were none.
    if slot.running.is_some() || daemon.stopping || daemon.loaded.is_none() {
        return;
    }
    let may_wait = slot.not_before.is_some_and(|at| Instant::now() < at);
    let begins_now = |waiting: &mut Waiting| !(may_wait && waiting.is_echo());
    let Some(waiting) = slot.waiting.take_if(begins_now) else {
        return;
    };
    if waiting.driver_came {
        slot.blocked.allow_binds();
    }
    match waiting.retry {
        Retry::Nothing => {}
        Retry::Transient => slot.blocked.allow_retries(),
        Retry::Everything => slot.blocked.allow_everything(),
    }
    let mut blocked = std::mem::take(&mut slot.blocked);
    // Somebody's wish is done at once, whatever becomes of it.
    let now = Some(Instant::now()).filter(|_| waiting.retry != Retry::Everything);
    blocked.hold(now.map_or_else(BTreeSet::new, |now| slot.contests.held(now)));
    blocked.wait_for_drivers(now.map(|now| slot.bereft.abandoned(now)));
    let pause = match daemon.only_looks {
        true => Some(ONLY_LOOKING),
        false => daemon.paused.read(|pauses| pauses.of(pf).cloned()),
    };
    let paused = pause.filter(|_| !waiting.though_paused);
    let work = job::PassWork {
        shared: daemon.shared.clone(),
        blocked,
        force: waiting.force,
        paused,
        interface_is_overdue: slot.overdue_at.is_some_and(|at| at <= Instant::now()),
    };
    slot.running = Some(job::start(work, pf, waiting, &daemon.messages));
}

pub(super) fn on_pass(
    daemon: &mut Daemon,
    pf: PciAddress,
    outcome: Outcome,
    allocated: Option<BTreeMap<VfIndex, Holder>>,
) {
    let Some(slot) = daemon.slots.get_mut(&pf) else {
        return;
    };
    let Some(running) = slot.running.take() else {
        return;
    };
    slot.blocked = outcome.blocked;
    slot.lacks_address = outcome.lacks_address;
    let each = outcome.taken.into_iter();
    let taken: Vec<_> = each
        .map(|(vf, holders)| TakenVf { pf, vf, holders })
        .collect();
    if daemon.stopping {
        return;
    }
    let is_wish = running.cause.is_wish();
    let is_new = match outcome.end {
        End::Gone => {
            forget(daemon, pf);
            true
        }
        End::Unobservable(error) => {
            could_not_look(slot, pf, &error, &daemon.shared.feed);
            daemon.shared.addresses.expect_no_more(pf);
            false
        }
        End::Seen {
            pf: snapshot,
            resolution,
            mut problems,
        } => {
            if daemon.only_looks {
                problems.retain(|it| it.kind != ProblemKind::Paused);
            }
            let mut seen = Seen {
                pf: *snapshot,
                resolution,
                problems,
            };
            note_contests(
                slot,
                &mut seen,
                &outcome.performed,
                &outcome.undone,
                &running,
            );
            saw(
                slot,
                seen,
                allocated,
                &outcome.performed,
                &taken,
                &running,
                &daemon.shared,
            )
        }
    };
    note_bridges(daemon);
    look_for_free_addresses(daemon, pf);
    note_first_pass(daemon, pf);
    let tell = running.tell;
    let tell_all = move || {
        for tell in tell {
            tell_done(tell, taken.clone());
        }
    };
    if running.though_paused && daemon.paused.read(|pauses| pauses.of(pf).is_some()) {
        // Whoever asked is told when it is seen again that the PF is paused.
        let (told, seen) = oneshot::channel();
        let again = Waiting {
            tell: vec![told],
            ..Waiting::new(running.cause)
        };
        ask(daemon, pf, again);
        tokio::spawn(async move {
            let _ = seen.await;
            tell_all();
        });
    } else {
        tell_all();
    }
    begin(daemon, pf);
    // What is published is a function of what is seen: an event that shows nothing new costs
    // what its PF costs, not what the host does.
    let is_behind = daemon.shared.store.is_unsaved() || daemon.shared.ledger.has_wrong_marks();
    if is_new || is_wish || is_behind {
        publish(daemon);
    }
    daemon.has_news = true;
}

/// They are listened to as long as they matter to any PF.
fn note_bridges(daemon: &Daemon) {
    let matter = daemon.slots.values().any(Slot::wants_bridges);
    let _ = daemon
        .bridges
        .send_if_modified(|wanted| std::mem::replace(wanted, matter) != matter);
}

/// A VF goes without its address as long as a function of another PF has it or is to have it. Also
/// asks for the PF itself, where others changed after its last look at what they have.
pub(super) fn look_for_free_addresses(daemon: &mut Daemon, changed: PciAddress) {
    let changes = daemon.shared.addresses.changes();
    let slots = daemon.slots.iter_mut();
    let lacking = slots.filter_map(|(&pf, slot)| {
        let is_behind = slot.lacks_address.take_if(|at| *at != changes);
        is_behind.map(|_| pf)
    });
    for pf in lacking.collect::<Vec<_>>() {
        ask(daemon, pf, Waiting::new(Cause::OtherPf { pf: changed }));
    }
}

fn forget(daemon: &mut Daemon, pf: PciAddress) {
    let Some(slot) = daemon.slots.remove(&pf) else {
        return;
    };
    if let Some(seen) = slot.seen {
        let interface = seen
            .pf
            .interface
            .as_ref()
            .map(|interface| interface.name.as_str());
        journal::pf_vanished(pf, interface);
        daemon.shared.feed.tell(Happening::PfVanished { pf });
    }
    if let Some(waiting) = slot.waiting {
        ask(daemon, pf, waiting);
    }
}

fn note_first_pass(daemon: &mut Daemon, pf: PciAddress) {
    let settled = |slot: &Slot| {
        let seen = slot.seen.as_ref();
        seen.is_none_or(|seen| seen.is_known() && !seen.resolution.awaits_name())
            && !slot.blocked.is_coming()
    };
    if daemon.slots.get(&pf).is_none_or(settled)
        && let Some(first_look) = &mut daemon.first_look
    {
        first_look.remove(&pf);
    }
}

#[cfg(test)]
mod tests;
