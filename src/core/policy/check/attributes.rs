//! The attributes of VFs: the same keys in policies, single VFs and networks.

use crate::model::{TxRate, VfSettings, Vlan, VlanProto};
use crate::policy::draft::AttributesDraft;
use crate::policy::draft::switches::{Scope, Switches};
use crate::policy::reader::Fault;

/// Only what is written. Where a key is one part of an attribute, `base` gives the other parts.
pub(super) fn settings<S: Scope>(
    draft: &AttributesDraft,
    switches: &Switches<S>,
    base: &VfSettings,
    faults: &mut Vec<Fault>,
) -> VfSettings {
    let mut settings = VfSettings {
        vlan: vlan(draft, base.vlan, faults),
        tx_rate: tx_rate(draft, base.tx_rate, faults),
        link_state: draft.link_state.cloned(),
        ..VfSettings::default()
    };
    switches
        .settings()
        .for_each(|setting| settings.set(setting));
    settings
}

fn vlan(draft: &AttributesDraft, base: Option<Vlan>, faults: &mut Vec<Fault>) -> Option<Vlan> {
    let (qos, proto) = (draft.vlan_qos.cloned(), draft.vlan_proto.cloned());
    let id = if draft.vlan.is_given() {
        draft.vlan.cloned()?
    } else if draft.vlan_qos.is_given() || draft.vlan_proto.is_given() {
        base.map_or(0, |vlan| vlan.id)
    } else {
        return None;
    };
    if id > 0 {
        let base = base.unwrap_or(Vlan::NONE);
        return Some(Vlan {
            id,
            qos: qos.unwrap_or(base.qos),
            proto: proto.unwrap_or(base.proto),
        });
    }
    let zero = draft.vlan.is_given() || base.is_some();
    let pointless = [
        ("vlan_qos", qos.is_some_and(|qos| qos > 0 || !zero)),
        (
            "vlan_proto",
            proto.is_some_and(|proto| proto != VlanProto::Dot1q || !zero),
        ),
    ];
    for (key, _) in pointless.into_iter().filter(|(_, pointless)| *pointless) {
        let why = match zero {
            true => "with vlan = 0, which is none",
            false => "without \"vlan\"",
        };
        let fault = Fault::new(format!("\"{key}\" has no effect {why}")).at(key);
        faults.push(fault.suggesting("give a \"vlan\" from 1 to 4094"));
    }
    Some(Vlan::NONE)
}

fn tx_rate(
    draft: &AttributesDraft,
    base: Option<TxRate>,
    faults: &mut Vec<Fault>,
) -> Option<TxRate> {
    let (min, max) = (draft.min_tx_rate.cloned(), draft.max_tx_rate.cloned());
    if min.is_none() && max.is_none() {
        return None;
    }
    let base = base.unwrap_or_default();
    let rate = TxRate {
        min: min.unwrap_or(base.min),
        max: max.unwrap_or(base.max),
    };
    if rate.max > 0 && rate.min > rate.max {
        let TxRate { min, max } = rate;
        let key = match draft.min_tx_rate.is_given() {
            true => "min_tx_rate",
            false => "max_tx_rate",
        };
        let message = format!("min_tx_rate = {min} is above max_tx_rate = {max}");
        faults.push(Fault::new(message).at(key));
    }
    Some(rate)
}
