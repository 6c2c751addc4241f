//! The bridge of Open vSwitch in a policy of sriov-network-operator.

use crate::policy::foreign::fields::Fields;
use crate::policy::foreign::item::Item;
use serde_json::{Map, Value};

/// `mtu` of the policy, which the operator asks of the uplink in place of `mtuRequest`.
pub(super) fn bridge(item: &mut Item, spec: &mut Fields<'_>, mtu: Option<i64>) {
    let Some(mut any) = spec.table("bridge") else {
        return;
    };
    let line = any.node("ovs").map(|ovs| ovs.line);
    if let Some(mut ovs) = any.table("ovs") {
        if item.value("eswitch_mode").and_then(Value::as_str) == Some("switchdev") {
            // Its pods get theirs by ovs-cni, which makes them ports.
            item.pair("bridge.representors", false);
            row(item, &mut ovs);
            uplink(item, &mut ovs, mtu);
        } else {
            let note = "spec.bridge is not carried over: it needs eSwitchMode = \"switchdev\"";
            item.note(line, note);
            ovs.all();
        }
        item.leftovers(&ovs);
    }
    item.leftovers(&any);
}

/// Of the table Bridge.
fn row(item: &mut Item, ovs: &mut Fields<'_>) {
    let Some(mut row) = ovs.table("bridge") else {
        return;
    };
    for (theirs, ours) in [
        ("datapathType", "bridge.datapath_type"),
        ("failMode", "bridge.fail_mode"),
    ] {
        item.given(ours, row.text(theirs).filter(|text| !text.is_empty()));
    }
    entries(item, &mut row, "externalIDs", "bridge.external_ids");
    entries(item, &mut row, "otherConfig", "bridge.other_config");
    item.leftovers(&row);
}

/// Of the table Interface.
fn uplink(item: &mut Item, ovs: &mut Fields<'_>, mtu: Option<i64>) {
    let mut uplink = ovs.table("uplink");
    let mut row = uplink.as_mut().and_then(|uplink| uplink.table("interface"));
    let asked = row.as_mut().and_then(|row| row.integer("mtuRequest"));
    item.given("bridge.uplink_mtu_request", mtu.or(asked));
    if let Some(row) = &mut row {
        let kind = row.text("type").filter(|text| !text.is_empty());
        item.given("bridge.uplink_type", kind);
        entries(item, row, "options", "bridge.uplink_options");
        entries(item, row, "externalIDs", "bridge.uplink_external_ids");
        entries(item, row, "otherConfig", "bridge.uplink_other_config");
        item.leftovers(row);
    }
    if let Some(uplink) = &uplink {
        item.leftovers(uplink);
    }
}

fn entries(item: &mut Item, row: &mut Fields<'_>, theirs: &str, ours: &str) {
    let Some(mut table) = row.table(theirs) else {
        return;
    };
    let entries = table.labels().into_iter();
    let entries: Map<_, _> = entries
        .map(|(key, value)| (key, Value::String(value)))
        .collect();
    if !entries.is_empty() {
        item.pair(ours, entries);
    }
    item.leftovers(&table);
}
