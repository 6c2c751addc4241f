//! The attributes of VFs: the same keys in policies, single VFs and networks.

use super::value;
use crate::model::{TxRate, VfSettings, Vlan, VlanProto};
use crate::policy::reader::{Fault, Table, value::boolean};

/// For VFs themselves, which have one attribute more than a CNI plugin can set.
pub(super) fn of_vfs(table: &mut Table<'_>, base: &VfSettings) -> VfSettings {
    let query_rss = table.value("query_rss", boolean);
    VfSettings {
        query_rss,
        ..read(table, base)
    }
}

/// Only what is written. Where a key is one part of an attribute, `base` gives the other parts.
pub(super) fn read(table: &mut Table<'_>, base: &VfSettings) -> VfSettings {
    VfSettings {
        trust: table.value("trust", boolean),
        mac: None,
        vlan: vlan(table, base.vlan),
        spoof_check: table.value("spoof_check", boolean),
        tx_rate: tx_rate(table, base.tx_rate),
        link_state: table.value("link_state", value::link_state),
        query_rss: None,
    }
}

fn vlan(table: &mut Table<'_>, base: Option<Vlan>) -> Option<Vlan> {
    let written_id = table.value("vlan", value::vlan_id);
    let qos = table.value("vlan_qos", value::vlan_qos);
    let proto = table.value("vlan_proto", value::vlan_proto);
    let id = if table.has("vlan") {
        written_id?
    } else if table.has("vlan_qos") || table.has("vlan_proto") {
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
    let zero = table.has("vlan") || base.is_some();
    let pointless = [
        ("vlan_qos", qos.is_some_and(|qos| qos > 0 || !zero)),
        (
            "vlan_proto",
            proto.is_some_and(|proto| proto != VlanProto::Dot1q || !zero),
        ),
    ];
    for (key, _) in pointless.into_iter().filter(|(_, pointless)| *pointless) {
        let fault = match zero {
            true => Fault::new(format!(
                "\"{key}\" has no effect with vlan = 0, which is none"
            )),
            false => Fault::new(format!("\"{key}\" has no effect without \"vlan\"")),
        };
        table.error(key, fault.suggesting("give a \"vlan\" from 1 to 4094"));
    }
    Some(Vlan::NONE)
}

fn tx_rate(table: &mut Table<'_>, base: Option<TxRate>) -> Option<TxRate> {
    let min = table.value("min_tx_rate", value::tx_rate);
    let max = table.value("max_tx_rate", value::tx_rate);
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
        let key = if table.has("min_tx_rate") {
            "min_tx_rate"
        } else {
            "max_tx_rate"
        };
        table.error(
            key,
            format!("min_tx_rate = {min} is above max_tx_rate = {max}"),
        );
    }
    Some(rate)
}
