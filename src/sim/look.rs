//! What a look at a simulated PF shows.

use super::pf::SimPf;
use sriovd_core::model::{PfSnapshot, VfIndex, VfSettings};

impl SimPf {
    pub(super) fn observed(&self, with_holders: bool) -> PfSnapshot {
        let mut seen = self.snapshot.clone();
        if let Some(end) = self.listed_vfs.filter(|&end| end < seen.num_vfs) {
            seen.vf_list_complete = false;
            for vf in seen.vfs.range_mut(VfIndex(end)..) {
                vf.1.settings = VfSettings::default();
            }
        }
        seen.vf_list_complete &= !seen.count_is_changing;
        let (facts, speed) = (
            seen.facts(),
            seen.interface.as_ref().and_then(|nic| nic.speed),
        );
        for vf in seen.vfs.values_mut() {
            for setting in vf.settings.iter().collect::<Vec<_>>() {
                vf.settings.set(facts.tells(setting, speed));
            }
        }
        seen.holders = with_holders.then(|| {
            let held = self.hidden.iter().filter(|(_, vf)| !vf.holders.is_empty());
            held.map(|(&index, vf)| (index, vf.holders.clone()))
                .collect()
        });
        seen.params = with_holders.then(|| self.params.clone());
        seen.users = with_holders.then(|| self.users.clone());
        seen
    }

    /// What a look shows for which every VFIO group is opened.
    pub(super) fn asked(&self) -> PfSnapshot {
        let mut seen = self.observed(true);
        let held = seen.holders.get_or_insert_default();
        for &index in self.hidden.keys() {
            if let Some(by) = self.quietly_held(index) {
                held.entry(index).or_default().insert(by);
            }
        }
        seen
    }
}
