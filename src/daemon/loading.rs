//! Reading the policies: one reading at a time, else an older one could come after a newer.

mod vanished;

use super::announce::{Unsaved, in_full};
use super::backoff::{Backoff, jitter};
use super::coordinator::Coordinator;
use super::slot::{Slot, Waiting, tell_done};
use super::{announce, job, journal};
use crate::api::TlsError;
use crate::events::Cause;
use crate::host::HostError;
use crate::model::{Node, PciAddress};
use crate::policy::PolicySet;
use crate::policy::load::{LastGoodError, Loaded};
use crate::policy::resolve::resolve;
use crate::report::Happening;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::oneshot;
use vanished::Vanished;

/// The reading at work, and one more for whatever was asked meanwhile.
#[derive(Debug, Default)]
pub(super) struct Loading {
    at_work: Option<Vec<oneshot::Sender<()>>>,
    next: Option<Load>,
    unsaved: Unsaved,
    backoff: Backoff,
    vanished: Vanished,
    pub(super) retry_at: Option<Instant>,
    /// Why it is not known what was in force before the agent started, where that matters.
    pub(super) in_doubt: Option<String>,
    /// Why the certificates of before are still in force.
    pub(super) unusable_tls: Option<TlsError>,
}

#[derive(Debug)]
pub(super) struct Load {
    cause: Cause,
    tell: Vec<oneshot::Sender<()>>,
}

impl From<Cause> for Load {
    fn from(cause: Cause) -> Self {
        Self {
            cause,
            tell: Vec::new(),
        }
    }
}

impl Load {
    pub(super) fn asked_for(cause: Cause, done: oneshot::Sender<()>) -> Self {
        Self {
            cause,
            tell: vec![done],
        }
    }

    /// One reading for both. Only somebody's wish reads what no event tells of.
    fn merge(&mut self, other: Self) {
        if other.cause.is_asked_for() {
            self.cause = other.cause;
        }
        self.tell.extend(other.tell);
    }
}

impl Loading {
    pub(super) fn note_tls(&mut self, read: Option<Result<(), TlsError>>) {
        if let Some(read) = read {
            self.unusable_tls = read.err();
            let unusable = self.unusable_tls.iter();
            unusable.for_each(|error| journal::tls_broken(&error.file, error));
        }
    }

    /// Why to read again when that is due.
    pub(super) fn cause_of_retry(&self) -> Cause {
        if self.vanished.is_doubted() {
            Cause::PolicyFiles
        } else {
            Cause::Retry
        }
    }

    /// Whether to read once more before this reading is believed.
    fn is_doubtful(&mut self, in_force: &PolicySet, read: &PolicySet, cause: &Cause) -> bool {
        if cause.is_asked_for() {
            self.vanished.forget();
            return false;
        }
        let again = self.vanished.read_again_at(in_force, read, Instant::now());
        self.retry_at = again.or(self.retry_at);
        again.is_some()
    }

    /// Tried again by reading again. Until then the last good texts are at hand only.
    fn note_unsaved(&mut self, unsaved: Option<&LastGoodError>, loaded: &Loaded) {
        self.unsaved.announce(unsaved.map(|error| error as _));
        let is_unread = matches!(unsaved, Some(LastGoodError::Read { .. }));
        self.in_doubt = unsaved
            .filter(|_| is_unread && loaded.has_broken())
            .map(|error| in_full(error));
        if unsaved.is_some() || loaded.is_incomplete {
            self.retry_at = Some(Instant::now() + self.backoff.next(jitter()));
        } else {
            self.backoff.reset();
        }
    }
}

impl Coordinator {
    /// See to it that a reading begins after now.
    pub(super) fn load_policies(&mut self, load: impl Into<Load>) {
        let load = load.into();
        match &mut self.loading.next {
            Some(next) => next.merge(load),
            none => *none = Some(load),
        }
        self.begin_loading();
    }

    pub(super) fn is_loading(&self) -> bool {
        self.loading.at_work.is_some()
    }

    fn begin_loading(&mut self) {
        if self.loading.at_work.is_none()
            && let Some(Load { cause, tell }) = self.loading.next.take()
        {
            self.loading.at_work = Some(tell);
            self.loading.retry_at = None;
            // What is at hand may be newer than what the disk took.
            let known = self.loaded.as_ref().map(|loaded| loaded.last_good.clone());
            job::load(&self.shared, known, &self.messages, cause);
        }
    }

    pub(super) fn on_loaded(
        &mut self,
        loaded: Loaded,
        cause: &Cause,
        unsaved: Option<&LastGoodError>,
    ) {
        self.loading.note_unsaved(unsaved, &loaded);
        let in_force = &self.shared.policies;
        if self.loading.in_doubt.is_some() || self.loading.is_doubtful(in_force, &loaded.set, cause)
        {
            self.end_loading();
            return;
        }
        announce::policies(self.loaded.as_ref(), &loaded);
        self.shared.feed.tell(Happening::PoliciesLoaded {
            trigger: cause.to_string(),
            broken: loaded
                .files
                .iter()
                .filter(|it| it.state.is_broken())
                .count(),
        });
        let policies = Arc::new(loaded.set.clone());
        self.loaded = Some(loaded);
        let before = std::mem::replace(&mut self.shared.policies, policies);
        if cause.is_asked_for() {
            // Also what no event told of.
            self.publisher.mark_all_by_wish();
        }
        if matches!(cause, Cause::Start) {
            let waiting = Waiting::new(Cause::Start);
            self.list(waiting);
        } else if before != self.shared.policies {
            let node = Arc::clone(&self.shared.node);
            self.look_at_affected(&before, &node, cause);
        } else {
            self.publish_if_wanted();
        }
        self.end_loading();
        self.refresh_status();
    }

    /// Policies may ask for what is another now. A host that does not say who it is stays who it was.
    pub(super) fn on_node(&mut self, node: Result<Node, HostError>, cause: &Cause) {
        let Ok(node) = node.map(Arc::new) else {
            return;
        };
        if node == self.shared.node {
            return;
        }
        let before = std::mem::replace(&mut self.shared.node, node);
        let policies = Arc::clone(&self.shared.policies);
        self.look_at_affected(&policies, &before, cause);
        self.refresh_status();
    }

    fn look_at_affected(&mut self, policies: &PolicySet, node: &Node, cause: &Cause) {
        for pf in self.affected_by(policies, node) {
            self.ask(pf, Waiting::new(cause.clone()));
        }
        self.publish();
    }

    fn end_loading(&mut self) {
        let told = self.loading.at_work.take();
        for tell in told.into_iter().flatten() {
            tell_done(tell, ());
        }
        self.begin_loading();
    }

    /// PFs of which the policies now say something else, and those that a pass looks at with the
    /// old ones: what it sees may matter to the new.
    fn affected_by(&self, before: &PolicySet, node_before: &Node) -> Vec<PciAddress> {
        let (node, policies) = (&self.shared.node, &self.shared.policies);
        let changed = |slot: &Slot| {
            slot.seen.as_ref().is_none_or(|seen| {
                // What holds a PF that policies do not match is not looked up here.
                seen.resolution.is_kept()
                    || resolve(before, node_before, &seen.pf) != resolve(policies, node, &seen.pf)
            })
        };
        let slots = self.slots.iter();
        let affected = slots.filter(|(_, slot)| slot.running.is_some() || changed(slot));
        affected.map(|(&pf, _)| pf).collect()
    }
}

#[cfg(test)]
mod tests;
