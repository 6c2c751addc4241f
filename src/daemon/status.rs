//! What the daemon tells of itself, put together from its slots.

use super::coordinator::Coordinator;
use crate::api::View;
use crate::model::PciAddress;
use crate::policy::load::FileState;
use crate::report::{
    self, AbsentPf, FileReport, NetworkReport, PfReport, Present, Problem, Seen, Status, sentence,
};
use std::collections::BTreeSet;
use std::sync::Arc;

/// `problems`, worst first, may be more than what was seen: that a kernel call does not come back.
pub(super) fn pf_report(seen: &Seen, problems: &[Problem]) -> PfReport {
    PfReport::of(&seen.pf, &seen.resolution, problems.to_vec())
}

/// Of a PF that could not be looked at yet.
fn unseen(pf: PciAddress, problems: &[Problem]) -> Option<PfReport> {
    let worst = problems.first()?;
    Some(PfReport {
        state: worst.kind.state(),
        problems: problems.to_vec(),
        ..PfReport::unseen(pf)
    })
}

impl Coordinator {
    pub(super) fn refresh_status(&mut self) {
        let pfs: Vec<PfReport> = self
            .slots
            .iter()
            .filter_map(|(&pf, slot)| match &slot.seen {
                Some(_) => slot.report.clone(),
                None => unseen(pf, &slot.told),
            })
            .collect();
        let files = self.loaded.iter().flat_map(|loaded| &loaded.files);
        let unusable_tls = self.loading.unusable_tls.iter().map(|error| FileReport {
            path: error.file.clone(),
            state: FileState::Broken {
                kept_last_good: true,
            },
        });
        let status = Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: sentence::status_line(&pfs),
            starting: self.is_starting(),
            pauses: self.pauses(),
            absent: self.absent(),
            networks: self.network_reports(),
            files: files
                .map(|file| FileReport {
                    path: file.path.clone(),
                    state: file.state.clone(),
                })
                .chain(unusable_tls)
                .collect(),
            pfs,
        };
        self.replace_view(status);
    }

    /// Replaces what everyone sees, if that is anything else.
    fn replace_view(&self, status: Status) {
        let last = Arc::clone(&self.view.borrow());
        let slots = self.slots.iter();
        let known = slots.filter_map(|(&pf, slot)| Some((pf, slot.known.clone()?)));
        let node = &self.shared.node.hostname;
        let world = last.world.next(node, status.starting, known.collect());
        let (policies, node) = (&self.shared.policies, &self.shared.node);
        let is_as_before = world.is_none()
            && *last.status == status
            && Arc::ptr_eq(&last.policies, policies)
            && Arc::ptr_eq(&last.node, node);
        if is_as_before {
            return;
        }
        let status = match *last.status == status {
            true => Arc::clone(&last.status),
            false => Arc::new(status),
        };
        self.view.send_replace(Arc::new(View {
            world: world.map_or_else(|| Arc::clone(&last.world), Arc::new),
            status,
            node: Arc::clone(node),
            policies: Arc::clone(policies),
        }));
    }

    fn is_starting(&self) -> bool {
        !self.first_look.as_ref().is_some_and(BTreeSet::is_empty)
    }

    fn absent(&self) -> Vec<AbsentPf> {
        // Nothing is missing before it is known what is there.
        if self.is_starting() {
            return Vec::new();
        }
        let seen = self.slots.values().filter_map(|slot| slot.seen.as_ref());
        let present = Present {
            addresses: self.slots.keys().copied().collect(),
            seen: seen.map(|seen| &seen.pf).collect(),
        };
        report::absent(&self.shared.policies, &self.shared.node, &present)
    }

    fn network_reports(&self) -> Vec<NetworkReport> {
        let memory = self.shared.store.memory();
        // What it had last may be there and somebody else's, or not ready.
        let vf_of = |network| {
            let last = memory.assignments.get(network)?;
            let seen = self.slots.get(&last.pf)?.seen.as_ref()?;
            let vf = seen.pf.vfs.get(&last.vf)?.address;
            (self.given.get(network) == Some(&vf)).then_some(vf)
        };
        let networks = self
            .shared
            .policies
            .networks
            .iter()
            .map(|network| NetworkReport {
                held_back: self
                    .held_back
                    .iter()
                    .find(|held| held.network == network.name)
                    .map(|held| held.reason.to_string()),
                ..NetworkReport::of(network, vf_of(&network.name))
            });
        networks.collect()
    }
}

#[cfg(test)]
mod tests;
