//! Reading the policies: one reading at a time, else an older one could come after a newer.

use super::list::list;
use super::loading::Load;
use super::outputs::publish;
use super::passes::ask;
use super::slot::{Slot, Waiting, tell_done};
use super::value::Daemon;
use super::{announce, job};
use crate::events::Cause;
use crate::load::{LastGoodError, Loaded};
use sriovd_core::model::{Node, PciAddress};
use sriovd_core::policy::PolicySet;
use sriovd_core::policy::resolve::resolve;
use sriovd_core::report::Happening;
use std::sync::Arc;

/// See to it that a reading begins after now.
pub(super) fn load_policies(daemon: &mut Daemon, load: impl Into<Load>) {
    let load = load.into();
    match &mut daemon.loading.next {
        Some(next) => next.merge(load),
        none => *none = Some(load),
    }
    begin_loading(daemon);
}

fn begin_loading(daemon: &mut Daemon) {
    if daemon.loading.at_work.is_none()
        && let Some(Load { cause, tell }) = daemon.loading.next.take()
    {
        daemon.loading.at_work = Some(tell);
        daemon.loading.retry_at = None;
        // What is at hand may be newer than what the disk took.
        let known = daemon
            .loaded
            .as_ref()
            .map(|loaded| loaded.last_good.clone());
        let with_node = cause.is_asked_for() && daemon.node.begin(&cause);
        job::load(&daemon.shared, known, with_node, &daemon.messages, cause);
    }
}

pub(super) fn on_loaded(
    daemon: &mut Daemon,
    loaded: Loaded,
    cause: &Cause,
    unsaved: Option<&LastGoodError>,
) {
    daemon.loading.note_unsaved(unsaved, &loaded);
    let in_force = &daemon.shared.policies;
    if daemon.loading.in_doubt.is_some() || daemon.loading.is_doubtful(in_force, &loaded.set, cause)
    {
        end_loading(daemon);
        return;
    }
    announce::policies(daemon.loaded.as_ref(), &loaded);
    daemon.shared.feed.tell(Happening::PoliciesLoaded {
        trigger: cause.to_string(),
        broken: loaded
            .files
            .iter()
            .filter(|it| it.state.is_broken())
            .count(),
    });
    let policies = Arc::new(loaded.set.clone());
    if *daemon.sources != loaded.sources {
        daemon.sources = Arc::new(loaded.sources.clone());
    }
    // The reading at the start may have left it in doubt what was in force.
    let is_first = daemon.loaded.is_none();
    daemon.loaded = Some(loaded);
    let before = std::mem::replace(&mut daemon.shared.policies, policies);
    if cause.is_asked_for() {
        // Also what no event told of.
        daemon.publisher.mark_all_by_wish();
    }
    if is_first || matches!(cause, Cause::Start) {
        let waiting = Waiting::new(Cause::Start);
        list(daemon, waiting);
    } else if before != daemon.shared.policies {
        let node = Arc::clone(&daemon.shared.node);
        look_at_affected(daemon, &before, &node, cause);
    }
    end_loading(daemon);
    daemon.has_news = true;
}

pub(super) fn look_at_affected(
    daemon: &mut Daemon,
    policies: &PolicySet,
    node: &Node,
    cause: &Cause,
) {
    for pf in affected_by(daemon, policies, node) {
        ask(daemon, pf, Waiting::new(cause.clone()));
    }
    publish(daemon);
}

fn end_loading(daemon: &mut Daemon) {
    let told = daemon.loading.at_work.take();
    for tell in told.into_iter().flatten() {
        tell_done(tell, ());
    }
    begin_loading(daemon);
}

/// PFs of which the policies now say something else, and those that a pass looks at with the
/// old ones: what it sees may matter to the new.
fn affected_by(daemon: &Daemon, before: &PolicySet, node_before: &Node) -> Vec<PciAddress> {
    let (node, policies) = (&daemon.shared.node, &daemon.shared.policies);
    let changed = |slot: &Slot| {
        slot.seen.as_ref().is_none_or(|seen| {
            // What holds a PF that policies do not match is not looked up here.
            seen.resolution.is_kept()
                || resolve(before, node_before, &seen.pf) != resolve(policies, node, &seen.pf)
        })
    };
    let slots = daemon.slots.iter();
    let affected = slots.filter(|(_, slot)| slot.running.is_some() || changed(slot));
    affected.map(|(&pf, _)| pf).collect()
}

#[cfg(test)]
mod tests;
