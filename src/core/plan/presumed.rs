//! What we own when the memory of it is lost: most likely whatever is as the policies want it.

use super::owned::{OwnedPf, OwnedVf};
use crate::model::{EswitchMode, Mtu, PfSnapshot, VfSnapshot};
use crate::policy::DeviceType;
use crate::policy::resolve::{DesiredPf, DesiredVf, Resolution};
use std::collections::{BTreeMap, BTreeSet};

/// What was there before us is not known any more: it goes back to the usual defaults.
pub fn presumed(resolution: &Resolution, pf: &PfSnapshot) -> Option<OwnedPf> {
    let Resolution::Desired(desired) = resolution else {
        return None;
    };
    let vfs = desired.vfs.iter().filter_map(|(&index, wanted)| {
        let owned = presumed_vf(desired, wanted, pf.vfs.get(&index)?);
        (owned != OwnedVf::default()).then_some((index, owned))
    });
    let created_vfs = pf.num_vfs != 0 && desired.num_vfs == Some(pf.num_vfs);
    let unprobed = pf
        .vfs
        .iter()
        .filter(|(_, vf)| created_vfs && vf.driver.is_none());
    let owned = OwnedPf {
        permanent_mac: pf.permanent_mac(),
        hold: None,
        was_up: false,
        brought_up: None,
        on_removal: desired.on_removal,
        created_vfs,
        mtu_before: has_raised_mtu(desired, pf).then_some(Mtu::ETHERNET),
        autoprobe_before: (!pf.autoprobe && desired.driver_autoprobe != Some(true)).then_some(true),
        // The database says which one is ours.
        bridge: None,
        eswitch_before: is_in_switchdev(desired, pf).then_some(EswitchMode::Legacy),
        tc_offload_before: (desired.hw_tc_offload == Some(true)
            && pf.interface.as_ref().and_then(|it| it.tc_offload) == Some(true))
        .then_some(false),
        params_before: BTreeMap::new(),
        reload_due: false,
        up_before: false,
        unsupported: BTreeSet::new(),
        fresh: None,
        unprobed: unprobed.map(|(&index, _)| index).collect(),
        vfs: vfs.collect(),
    };
    (!owned.is_empty()).then_some(owned)
}

fn is_in_switchdev(desired: &DesiredPf, pf: &PfSnapshot) -> bool {
    [desired.eswitch_mode, pf.eswitch_mode].map(|mode| mode == Some(EswitchMode::Switchdev))
        == [true; 2]
}

fn has_raised_mtu(desired: &DesiredPf, pf: &PfSnapshot) -> bool {
    let mtu = pf.interface.as_ref().map(|interface| interface.mtu);
    desired.mtu.is_some_and(|mtu| mtu > Mtu::ETHERNET) && mtu == desired.mtu
}

fn presumed_vf(desired: &DesiredPf, wanted: &DesiredVf, vf: &VfSnapshot) -> OwnedVf {
    let settings = wanted.settings.iter();
    let as_wanted =
        settings.filter(|setting| vf.settings.get(setting.attribute()) == Some(*setting));
    let mtu = vf.interface.as_ref().map(|interface| interface.mtu);
    OwnedVf {
        settings: as_wanted
            .map(|setting| (setting.attribute(), None))
            .collect(),
        untold: BTreeMap::new(),
        mac: wanted
            .settings
            .mac
            .filter(|mac| vf.settings.mac == Some(*mac)),
        driver: match &wanted.device_type {
            DeviceType::Netdevice | DeviceType::Any => false,
            DeviceType::Driver(driver) => vf.driver_override.as_ref() == Some(driver),
        },
        mtu: wanted.mtu.is_some() && wanted.mtu == mtu,
        tc_offload_before: (desired.hw_tc_offload == Some(true)
            && vf.representor.as_ref().and_then(|it| it.tc_offload) == Some(true))
        .then_some(false),
    }
}
