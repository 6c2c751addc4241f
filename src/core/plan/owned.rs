//! What we own: which PFs we configured, what we set there, and what was there before.

mod addresses;
mod before;
mod capability;
mod left;
mod params;
mod record;

use super::Plan;
use crate::model::{
    EswitchMode, InterfaceName, MacAddress, Mtu, Node, ParamValue, PfSnapshot, VfAttribute,
    VfIndex, VfSetting, VfSettings, VfSnapshot,
};
use crate::policy::resolve::{Hold, Resolution};
use crate::policy::{DeviceType, OnRemoval};
pub use capability::Capability;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What sriovd has set on a PF, and may undo.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OwnedPf {
    /// Another NIC in the same slot is another PF.
    pub permanent_mac: Option<MacAddress>,
    /// The policies that took it, and as what; the next version after one without it writes it anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// What happens to the PF when no policy holds it any more.
    pub on_removal: OnRemoval,
    /// It was up with the VFs that it has: if it is down, somebody set it down.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub was_up: bool,
    /// The interface, by its index, that we set up for the VFs. Neither has it been seen down since,
    /// nor used by others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brought_up: Option<u32>,
    /// The interface, which others had set up, went as the device was started anew: the next one is to be up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub up_before: bool,
    /// We set the VF count.
    #[serde(default)]
    pub created_vfs: bool,
    /// The PF's MTU before we raised it.
    pub mtu_before: Option<Mtu>,
    /// `sriov_drivers_autoprobe` before sriovd changed it; `None`: it did not.
    pub autoprobe_before: Option<bool>,
    /// The mode of the NIC's own switch before sriovd changed it; `None`: it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eswitch_before: Option<EswitchMode>,
    /// `hw-tc-offload` of its interface before sriovd changed it; `None`: it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tc_offload_before: Option<bool>,
    /// Values of the driver's parameters before sriovd changed them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params_before: BTreeMap<String, ParamValue>,
    /// Parameters were set that take effect when the driver starts the device anew, which is still to be done.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reload_due: bool,
    /// The bridge of Open vSwitch that sriovd made for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bridge: Option<InterfaceName>,
    /// What its driver answered that it does not support. That may hang on the card or on the mode
    /// of its switch, which changes only without VFs.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unsupported: BTreeSet<Capability>,
    /// VFs that we made and that had no driver since, or whose first one missed their address.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unprobed: BTreeSet<VfIndex>,
    /// What VFs that we made had when they were new; empty before they were seen. `None`: others
    /// made them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fresh: Option<VfSettings>,
    /// What sriovd has set on single VFs.
    #[serde(default)]
    pub vfs: BTreeMap<VfIndex, OwnedVf>,
}

/// What sriovd has set on a VF, and may undo.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OwnedVf {
    /// Attributes that we set, with what was there before where the driver told.
    #[serde(default)]
    pub settings: BTreeMap<VfAttribute, Option<VfSetting>>,
    /// What we set and the driver took, of the attributes that it does not tell.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub untold: BTreeMap<VfAttribute, VfSetting>,
    /// The address that we gave it, as long as it may go by it.
    #[serde(default)]
    pub mac: Option<MacAddress>,
    /// We gave it a driver of our choice.
    #[serde(default)]
    pub driver: bool,
    /// Whether sriovd set the netdev's MTU.
    #[serde(default)]
    pub mtu: bool,
    /// `hw-tc-offload` of its representor before sriovd changed it; `None`: it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tc_offload_before: Option<bool>,
}

impl OwnedVf {
    /// The value to go back to, for an attribute that we set. An address only where the VF goes by
    /// it: its netdev may be still to come, and with another.
    pub(super) fn undo(&self, attribute: VfAttribute, vf: &VfSnapshot) -> Option<VfSetting> {
        let before = self.settings.get(&attribute)?;
        let undone = attribute == VfAttribute::Mac && !vf.goes_by(self.mac);
        value_before(attribute, *before).filter(|_| !undone)
    }
}

/// What an attribute goes back to: what was there before us, else the field's usual default.
fn value_before(attribute: VfAttribute, before: Option<VfSetting>) -> Option<VfSetting> {
    before.or_else(|| attribute.usual())
}

/// Remember what holds the PF, policies that name it as it is now, and that it is up.
pub fn held(
    owned: Option<OwnedPf>,
    resolution: &Resolution,
    node: &Node,
    pf: &PfSnapshot,
) -> Option<OwnedPf> {
    let Resolution::Desired(desired) = resolution else {
        return owned;
    };
    if desired.is_kept() {
        return owned;
    }
    let owned = owned.unwrap_or_else(|| OwnedPf {
        permanent_mac: pf.permanent_mac(),
        on_removal: desired.on_removal,
        ..OwnedPf::default()
    });
    let is_up = pf.interface.as_ref().is_some_and(|interface| interface.up);
    Some(OwnedPf {
        hold: Some(Hold::of(desired, node, pf)),
        was_up: pf.num_vfs != 0 && (owned.was_up || is_up),
        ..owned
    })
}

/// What we own of a PF as it is seen now: what is undone, or gone with its VFs, is forgotten.
/// `None`: nothing (any more).
pub fn still_owned(
    owned: Option<&OwnedPf>,
    resolution: &Resolution,
    pf: &PfSnapshot,
) -> Option<OwnedPf> {
    let known = owned.filter(|owned| owned.is_of(pf));
    let Some(mut owned) = known.cloned() else {
        return seen_first(resolution, pf);
    };
    owned.note_up(pf);
    owned.permanent_mac = owned.permanent_mac.or(pf.permanent_mac());
    let desired = match resolution {
        Resolution::AwaitsName => return Some(owned),
        Resolution::Desired(desired) if desired.is_kept() => return Some(owned),
        Resolution::Desired(desired) => Some(&**desired),
        Resolution::Unmatched if owned.on_removal == OnRemoval::Keep => return None,
        Resolution::Unmatched => None,
    };
    if let Some(desired) = desired {
        owned.on_removal = desired.on_removal;
        owned.created_vfs &= !desired.external;
    }
    if pf.num_vfs == 0 {
        owned.vfs.clear();
        let of_switch = |it: &Capability| matches!(it, Capability::EswitchMode(_));
        owned.unsupported.retain(of_switch);
        owned.fresh = None;
        owned.created_vfs &= desired.is_some();
    } else if desired.is_none() && !owned.created_vfs {
        // For the VFs of others, who know nothing of us.
        owned.brought_up = None;
    }
    let tc_wanted = desired.is_some_and(|desired| desired.hw_tc_offload.is_some());
    owned.note_fresh(pf);
    owned.vfs.retain(|index, mine| {
        let wanted = desired.and_then(|desired| desired.vfs.get(index));
        pf.vfs.get(index).is_some_and(|vf| {
            mine.settings.retain(|&attribute, before| {
                if wanted.is_some_and(|wanted| wanted.asks_for(attribute)) {
                    return true;
                }
                let back = value_before(attribute, *before);
                let is = vf.settings.get(attribute);
                // What the driver never tells could not be seen to go back either. Without the PF's
                // interface it tells nothing.
                let hidden = is.is_none() && pf.vf_list_complete && pf.interface.is_some();
                let away = match attribute {
                    // Where it goes back to none its driver chooses one. A netdev that is still to
                    // come may have ours.
                    VfAttribute::Mac => {
                        vf.goes_by(mine.mac) || mine.mac.is_some() && vf.awaits_netdev()
                    }
                    _ => back.is_some_and(|back| is.is_none_or(|is| !pf.is_same(back, is))),
                };
                !hidden && away
            });
            let OwnedVf {
                settings, untold, ..
            } = mine;
            untold.retain(|attribute, _| settings.contains_key(attribute));
            if !mine.settings.contains_key(&VfAttribute::Mac) {
                mine.mac = None;
            }
            let is_theirs = wanted.is_some_and(|wanted| wanted.device_type == DeviceType::Any);
            mine.driver &= !is_theirs && (vf.driver_override.is_some() || vf.driver.is_none());
            let mtu_wanted = wanted.is_some_and(|wanted| wanted.mtu.is_some());
            // Out of sight it keeps what it has.
            let mtu_off = vf
                .interface
                .as_ref()
                .map_or(vf.interface_elsewhere, |own| own.mtu != Mtu::ETHERNET);
            mine.mtu = mine.mtu && (mtu_wanted || mtu_off);
            let there = vf.representor.as_ref();
            mine.tc_offload_before = (mine.tc_offload_before)
                .filter(|&on| there.is_some_and(|it| tc_wanted || it.tc_offload == Some(!on)));
            let has_offload = mine.tc_offload_before.is_some();
            !mine.settings.is_empty() || mine.driver || mine.mtu || has_offload
        })
    });
    // Of those addresses that are ours still.
    let given = |index: &VfIndex| owned.vfs.get(index).and_then(|vf| vf.mac);
    owned.unprobed.retain(|index| {
        let vf = pf.vfs.get(index);
        let missed = |vf: &VfSnapshot| given(index).is_some_and(|mac| vf.has_missed(mac));
        index.0 < pf.num_vfs && vf.is_none_or(|vf| vf.driver.is_none() || missed(vf))
    });
    if let Some(desired) = desired {
        owned.note_before(desired, pf);
    }
    if pf.driver.is_none() {
        // With the driver went the netdev: the next one starts with an MTU of its own.
        owned.mtu_before = None;
        owned.tc_offload_before = None;
        owned.params_before.clear();
        owned.reload_due = false;
        owned.up_before = false;
        // And the mode: the driver begins with its own.
        owned.eswitch_before = None;
        owned.unsupported.clear();
    }
    owned.note_bridge(desired.is_some_and(|desired| desired.bridge.is_some()), pf);
    let mode_wanted = desired.is_some_and(|desired| desired.eswitch_mode.is_some());
    owned.eswitch_before = owned
        .eswitch_before
        .filter(|&before| mode_wanted || pf.eswitch_mode != Some(before));
    let interface = pf.interface.as_ref();
    let mtu = interface.map(|interface| interface.mtu);
    let mtu_wanted = desired.is_some_and(|desired| desired.mtu.is_some());
    // A bond gives its ports back what they had before they became its ports.
    let is_port = interface.is_some_and(|interface| interface.bond.is_some());
    owned.mtu_before = owned
        .mtu_before
        .filter(|&before| mtu_wanted || is_port || mtu != Some(before));
    owned.note_params(desired, pf);
    // Out of sight it has what it had.
    owned.tc_offload_before = owned
        .tc_offload_before
        .filter(|&before| tc_wanted || interface.is_none_or(|it| it.tc_offload == Some(!before)));
    owned.autoprobe_before = owned
        .autoprobe_before
        .filter(|&before| pf.autoprobe != before);
    (desired.is_some() || !owned.is_empty()).then_some(owned)
}

/// Of a PF on which nothing was done yet.
fn seen_first(resolution: &Resolution, pf: &PfSnapshot) -> Option<OwnedPf> {
    let Resolution::Desired(desired) = resolution else {
        return None;
    };
    let mut owned = OwnedPf {
        permanent_mac: pf.permanent_mac(),
        on_removal: desired.on_removal,
        ..OwnedPf::default()
    };
    owned.note_before(desired, pf);
    (!owned.is_empty()).then_some(owned)
}

/// What we will own once the plan's steps are done. Written down before the first of them, so that
/// a crash in between leaves nothing behind that nobody remembers.
pub fn about_to_own(
    owned: Option<&OwnedPf>,
    resolution: &Resolution,
    pf: &PfSnapshot,
    plan: &Plan,
) -> Option<OwnedPf> {
    let mut next = match (owned, resolution) {
        (Some(owned), _) => owned.clone(),
        (None, Resolution::Desired(desired)) if !plan.is_empty() => OwnedPf {
            permanent_mac: pf.permanent_mac(),
            on_removal: desired.on_removal,
            ..OwnedPf::default()
        },
        (None, _) => return None,
    };
    for step in &plan.steps {
        next.record(step, pf);
    }
    Some(next)
}

impl OwnedPf {
    /// Whether the PF that is seen is the one that was remembered, and not another NIC in its slot.
    pub fn is_of(&self, pf: &PfSnapshot) -> bool {
        let model = || {
            let hold = self.hold.as_ref();
            hold.is_none_or(|hold| (hold.vendor, hold.device) == (pf.vendor, pf.device))
        };
        let macs = self.permanent_mac.zip(pf.permanent_mac());
        macs.map_or_else(model, |(mine, seen)| mine == seen)
    }

    /// Once it is down, whoever sets it up again wants it up. Out of sight it is as it was.
    fn note_up(&mut self, pf: &PfSnapshot) {
        let is_used = self.is_used_by_others(pf);
        let is_hidden = pf.interface.is_none() && pf.driver.is_some() && !pf.interface_elsewhere;
        self.brought_up = (self.brought_up)
            .filter(|&index| is_hidden || pf.is_up_as(index))
            .filter(|_| !is_used);
        self.up_before &= pf.interface.as_ref().is_none_or(|it| !it.up);
    }
}

#[cfg(test)]
mod tests;
