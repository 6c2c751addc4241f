//! `[policy.bridge]`: what its keys say together.

use crate::model::EswitchMode;
use crate::model::bridge::database::MARK;
use crate::model::bridge::{BridgeKeys, PortKeys};
use crate::policy::DesiredBridge;
use crate::policy::draft::{BridgeDraft, PolicyDraft};
use crate::policy::reader::{Fault, KeyPath, Table, nearest};

/// What Open vSwitch itself brings. A datapath may be called anything; this is what a slip of the finger looks like.
const DATAPATHS: [&str; 2] = ["system", "netdev"];

pub(super) fn bridge(draft: &BridgeDraft) -> DesiredBridge {
    let uplink = PortKeys {
        kind: draft.uplink_type.cloned(),
        mtu_request: draft.uplink_mtu_request.get().map(|mtu| mtu.get()),
        options: draft.uplink_options.or_default(),
        external_ids: draft.uplink_external_ids.or_default(),
        other_config: draft.uplink_other_config.or_default(),
    };
    DesiredBridge {
        name: draft.name.cloned(),
        keys: BridgeKeys {
            datapath_type: draft.datapath_type.cloned(),
            fail_mode: draft.fail_mode.cloned(),
            external_ids: draft.external_ids.or_default(),
            other_config: draft.other_config.or_default(),
        },
        uplink: draft.uplink.or(true).then_some(uplink),
        representors: draft.representors.or(true),
        hw_offload: draft.hw_offload.or(true),
    }
}

pub(super) fn check(draft: &PolicyDraft, mode: Option<EswitchMode>, faults: &mut Vec<Fault>) {
    if draft.bridge.is_given() && mode != Some(EswitchMode::Switchdev) {
        let message =
            "\"bridge\" needs eswitch_mode = \"switchdev\": else VFs have no representors";
        faults.push(Fault::new(message).at("bridge"));
    }
    let Some(bridge) = draft.bridge.get() else {
        return;
    };
    let mut own = Vec::new();
    for (key, ids) in [
        ("external_ids", &bridge.external_ids),
        ("uplink_external_ids", &bridge.uplink_external_ids),
    ] {
        if ids.get().is_some_and(|ids| ids.contains_key(MARK)) {
            let message = format!("\"{MARK}\" in \"{key}\" is how sriovd knows what it made");
            own.push(Fault::new(message).at(key));
        }
    }
    if bridge.uplink.get() == Some(&false) {
        for key in bridge
            .given()
            .into_iter()
            .filter(|key| key.starts_with("uplink_"))
        {
            let message = format!("\"{key}\" contradicts uplink = false: the PF is no port then");
            let fault = Fault::new(message).at(key);
            own.push(fault.suggesting("leave one of the two out"));
        }
    }
    if let Some(datapath) = bridge.datapath_type.get()
        && let Some(near) = nearest(datapath, &DATAPATHS).filter(|near| near != datapath)
    {
        let message = format!("datapath_type \"{datapath}\" looks like a typing error");
        let fault = Fault::new(message).at("datapath_type").warning();
        own.push(fault.suggesting(format!("did you mean \"{near}\"?")));
    }
    let place = KeyPath::default().then("bridge");
    faults.extend(own.into_iter().map(|fault| fault.below(&place)));
}
