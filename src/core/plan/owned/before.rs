//! What attributes go back to: what was there before sriovd had a say in them.
//!
//! That is seen when a policy first asks for an attribute, whether it has to be set or not. What is
//! seen later may be drift, or what a container's plugin has set, and nobody wants that back.

use super::{OwnedPf, OwnedVf};
use crate::model::{Holder, MacAddress, PfSnapshot, VfAttribute, VfIndex, VfSetting, VfSettings};
use crate::policy::resolve::{DesiredPf, DesiredVf};

impl OwnedPf {
    /// VFs that we made have nothing that anybody set, when they are seen first.
    pub(super) fn note_fresh(&mut self, pf: &PfSnapshot) {
        let is_unseen = self.fresh.as_ref() == Some(&VfSettings::default());
        if is_unseen && pf.vf_list_complete && !pf.vfs.is_empty() {
            self.fresh = Some(common_settings(pf));
        }
    }

    /// What a VF has for which nobody has chosen anything, else what it has now.
    pub(super) fn before(
        &self,
        attribute: VfAttribute,
        is: Option<VfSetting>,
    ) -> Option<VfSetting> {
        let fresh = self.fresh.and_then(|fresh| fresh.get(attribute));
        fresh.or(is)
    }

    /// Attributes that need not be set, because they are as wanted, or must not be, because the VF is
    /// allocated: what they have by the time that they are set is another's doing.
    pub(super) fn note_before(&mut self, desired: &DesiredPf, pf: &PfSnapshot) {
        if !pf.vf_list_complete {
            return;
        }
        for (&index, wanted) in &desired.vfs {
            let noted = self.noted(index, wanted, pf);
            if !noted.is_empty() {
                self.vfs.entry(index).or_default().settings.extend(noted);
            }
        }
    }

    fn noted(
        &self,
        index: VfIndex,
        wanted: &DesiredVf,
        pf: &PfSnapshot,
    ) -> Vec<(VfAttribute, Option<VfSetting>)> {
        let Some(vf) = pf.vfs.get(&index) else {
            return Vec::new();
        };
        let holders = pf.holders.as_ref().and_then(|holders| holders.get(&index));
        let allocated = holders.is_some_and(|by| by.iter().any(Holder::is_allocation));
        let mine = self.vfs.get(&index);
        let is_known =
            |attribute| mine.is_some_and(|mine: &OwnedVf| mine.settings.contains_key(&attribute));
        let noted = |setting: VfSetting| {
            let attribute = setting.attribute();
            if is_known(attribute) {
                return None;
            }
            let is = vf.settings.get(attribute);
            let of_another = allocated || vf.interface_elsewhere;
            let before = self.before(attribute, is.filter(|_| !of_another));
            let is_as_wanted = is == Some(setting) && before.is_some();
            (is_as_wanted || allocated).then_some((attribute, before))
        };
        wanted.settings.iter().filter_map(noted).collect()
    }
}

/// What all VFs have alike. Their addresses are made up.
fn common_settings(pf: &PfSnapshot) -> VfSettings {
    let mut common = VfSettings::default();
    let first = pf.vfs.values().next();
    for setting in first.iter().flat_map(|first| first.settings.iter()) {
        let alike = |attribute| {
            let mut vfs = pf.vfs.values();
            vfs.all(|vf| vf.settings.get(attribute) == Some(setting))
        };
        let made_up = matches!(setting, VfSetting::Mac(mac) if mac != MacAddress::ZERO);
        if !made_up && alike(setting.attribute()) {
            common.set(setting);
        }
    }
    common
}
