//! What the daemon tells of itself, put together from its slots.

use super::coordinator::Coordinator;
use super::slot::Seen;
use crate::model::PciAddress;
use crate::policy::resolve::Resolution;
use crate::render::vf_ready;
use crate::report::{
    FileReport, NetworkReport, PfReport, PfState, Problem, ProblemKind, Status, sentence,
};
use std::sync::Arc;

/// `problems`, worst first, may be more than what was seen: that a kernel call does not come back.
pub(super) fn pf_report(seen: &Seen, problems: &[Problem]) -> PfReport {
    let Seen { pf, resolution, .. } = seen;
    let desired = match resolution {
        Resolution::Desired(desired) => Some(desired),
        Resolution::Unmatched | Resolution::AwaitsName => None,
    };
    let ready = desired.map_or(0, |desired| {
        let is_ready = |(index, wanted)| pf.vfs.get(index).is_some_and(|vf| vf_ready(wanted, vf));
        desired.vfs.iter().filter(|&vf| is_ready(vf)).count()
    });
    let state = match (problems.first().map(|worst| worst.kind), desired) {
        (Some(kind), _) => state_of(kind),
        (None, Some(_)) => PfState::Ready,
        (None, None) => PfState::Unmanaged,
    };
    let claims = || desired.iter().flat_map(|desired| &desired.policies);
    PfReport {
        address: pf.address,
        interface: pf
            .interface
            .as_ref()
            .map(|interface| interface.name.to_string()),
        driver: pf.driver.as_ref().map(ToString::to_string),
        state,
        vfs_ready: ready.try_into().unwrap_or(u16::MAX),
        vfs_wanted: desired.map_or(0, |desired| {
            desired
                .num_vfs
                .unwrap_or(desired.vfs.len().try_into().unwrap_or(u16::MAX))
        }),
        vfs_possible: pf.total_vfs,
        policies: claims().map(|claim| claim.policy.clone()).collect(),
        pools: claims()
            .filter_map(|claim| claim.resource.clone())
            .collect(),
        problems: problems.to_vec(),
    }
}

/// Of a PF that could not be looked at yet.
fn unseen(pf: PciAddress, problems: &[Problem]) -> Option<PfReport> {
    let worst = problems.first()?;
    Some(PfReport {
        state: state_of(worst.kind),
        problems: problems.to_vec(),
        ..PfReport::unseen(pf)
    })
}

fn state_of(worst: ProblemKind) -> PfState {
    match worst {
        ProblemKind::Hung => PfState::Hung,
        ProblemKind::Failed | ProblemKind::Contested => PfState::Failed,
        ProblemKind::InUse
        | ProblemKind::DisruptionForbidden
        | ProblemKind::TooManyVfs
        | ProblemKind::NoDriver
        | ProblemKind::ShortVfList => PfState::Refused,
        ProblemKind::Awaits => PfState::Changing,
        // All that the driver can do is done.
        ProblemKind::Unsupported => PfState::Ready,
    }
}

impl Coordinator {
    pub(super) fn refresh_status(&mut self) {
        let pfs: Vec<PfReport> = self
            .slots
            .iter()
            .filter_map(|(&pf, slot)| match &slot.seen {
                Some(seen) => Some(pf_report(seen, &slot.told)),
                None => unseen(pf, &slot.told),
            })
            .collect();
        let files = self.loaded.iter().flat_map(|loaded| &loaded.files);
        let status = Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: sentence::status_line(&pfs),
            networks: self.network_reports(),
            files: files
                .map(|file| FileReport {
                    path: file.path.clone(),
                    state: file.state.clone(),
                })
                .collect(),
            pfs,
        };
        self.status.send_if_modified(|last| {
            let changed = **last != status;
            if changed {
                *last = Arc::new(status);
            }
            changed
        });
    }

    fn network_reports(&self) -> Vec<NetworkReport> {
        let assignments = self.shared.store.memory().assignments;
        let vf_of = |assignment: &crate::plan::owned::Assignment| {
            let seen = self.slots.get(&assignment.pf)?.seen.as_ref()?;
            Some(seen.pf.vfs.get(&assignment.vf)?.address)
        };
        let networks = self
            .shared
            .policies
            .networks
            .iter()
            .map(|network| NetworkReport {
                name: network.name.to_string(),
                resource: network.resource.as_ref().map(ToString::to_string),
                vf: assignments.get(&network.name).and_then(vf_of),
                held_back: self
                    .held_back
                    .iter()
                    .find(|held| held.network == network.name)
                    .map(|held| held.reason.to_string()),
            });
        networks.collect()
    }
}
