//! Which PFs are there: asked again until it can be told. One listing at a time, and one more for
//! whatever was asked meanwhile.

use super::job;
use super::outputs::publish;
use super::passes::ask;
use super::slot::Waiting;
use super::value::Daemon;
use sriovd_core::host::HostError;
use sriovd_core::model::PciAddress;
use std::collections::BTreeSet;

/// See to it that a listing begins after now.
pub(super) fn list(daemon: &mut Daemon, waiting: Waiting) {
    match &mut daemon.listing.next {
        Some(next) => next.merge(waiting),
        none => *none = Some(waiting),
    }
    begin_listing(daemon);
}

fn begin_listing(daemon: &mut Daemon) {
    if !daemon.listing.is_at_work
        && let Some(waiting) = daemon.listing.next.take()
    {
        daemon.listing.is_at_work = true;
        job::list(&daemon.shared, &daemon.messages, waiting);
    }
}

pub(super) fn list_again(daemon: &mut Daemon) {
    if let Some((_, cause)) = daemon.listing.again.take() {
        list(daemon, Waiting::new(cause));
    }
}

/// All PFs that are there, and those that we still believe to be there. Nothing is published
/// before the first list: it would look as if there were none.
pub(super) fn on_listed(
    daemon: &mut Daemon,
    listed: Result<BTreeSet<PciAddress>, HostError>,
    waiting: &Waiting,
) {
    let listed = match listed {
        Ok(listed) => {
            daemon.listing.backoff.reset();
            daemon.listing.again = None;
            daemon.listing.error = None;
            daemon.first_look.get_or_insert_with(|| listed.clone());
            listed
        }
        Err(error) => {
            daemon.listing.failed(&error, &waiting.cause);
            BTreeSet::new()
        }
    };
    daemon.listing.is_at_work = false;
    begin_listing(daemon);
    let known: BTreeSet<_> = daemon.slots.keys().copied().collect();
    for pf in listed.union(&known) {
        ask(daemon, *pf, Waiting::new(waiting.cause.clone()));
    }
    daemon.publisher.mark_all();
    publish(daemon);
}

#[cfg(test)]
mod tests;
