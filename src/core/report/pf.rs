//! One PF as it was seen, beside what is wanted of it.

use super::{PfReport, PfState, Problem};
use crate::model::PfSnapshot;
use crate::policy::resolve::{DesiredVf, Resolution};

impl PfReport {
    /// `problems` are what is not as wanted, worst first.
    pub fn of(pf: &PfSnapshot, resolution: &Resolution, problems: Vec<Problem>) -> Self {
        let desired = match resolution {
            Resolution::Desired(desired) => Some(desired),
            Resolution::Unmatched | Resolution::AwaitsName => None,
        };
        let ready = desired.map_or(0, |desired| {
            let is_ready = |index, wanted: &DesiredVf| {
                let vf = pf.vfs.get(index);
                vf.is_some_and(|vf| wanted.is_ready(vf))
            };
            let vfs = desired.vfs.iter();
            vfs.filter(|(index, wanted)| is_ready(index, wanted))
                .count()
        });
        let state = match (problems.first(), desired) {
            (Some(worst), _) => worst.kind.state(),
            (None, Some(_)) => PfState::Ready,
            (None, None) => PfState::Unmanaged,
        };
        let claims = || desired.iter().flat_map(|desired| &desired.policies);
        Self {
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
            problems,
        }
    }
}
