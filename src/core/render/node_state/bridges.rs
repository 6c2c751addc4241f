//! Bridges of Open vSwitch as the operator tells them: each with its uplinks.

use crate::model::bridge::{BridgeKeys, Entries, PortKeys};
use crate::model::{InterfaceName, PfSnapshot};
use crate::policy::resolve::DesiredPf;
use crate::render::text::object;
use serde_json::{Map, Value, json};

/// What the policies want of them; `None`: nothing.
pub(super) fn wanted<'a>(
    pfs: impl Iterator<Item = (&'a PfSnapshot, &'a DesiredPf)>,
) -> Option<Value> {
    let bridges = pfs.filter_map(|(pf, desired)| {
        let wanted = desired.bridge.as_ref()?;
        let name = wanted.name_on(pf.address)?;
        let uplink = wanted.uplink.as_ref().map(|keys| uplink(pf, keys));
        Some(bridge(name.as_str(), &wanted.keys, uplink))
    });
    all(bridges)
}

/// Those that sriovd made; `None`: none.
pub(super) fn seen<'a>(pfs: impl Iterator<Item = &'a PfSnapshot>) -> Option<Value> {
    let bridges = pfs.flat_map(|pf| {
        let seen = pf.open_vswitch.iter();
        let own = seen.flat_map(|seen| seen.made_for(pf.address));
        own.map(|(name, there)| {
            let interface = pf.interface.as_ref();
            let port = interface.and_then(|nic| there.ports.get(nic.name.as_str()));
            bridge(name, &there.keys, port.map(|port| uplink(pf, &port.keys)))
        })
    });
    all(bridges)
}

fn all(bridges: impl Iterator<Item = Map<String, Value>>) -> Option<Value> {
    let bridges: Vec<_> = bridges.collect();
    (!bridges.is_empty()).then(|| json!({ "ovs": bridges }))
}

fn bridge(name: &str, keys: &BridgeKeys, uplink: Option<Map<String, Value>>) -> Map<String, Value> {
    let row = object([
        (
            "datapathType",
            keys.datapath_type.as_ref().map(|it| json!(it)),
        ),
        ("externalIDs", entries(&keys.external_ids)),
        ("failMode", keys.fail_mode.map(|mode| json!(mode))),
        ("otherConfig", entries(&keys.other_config)),
    ]);
    object([
        ("name", Some(json!(name))),
        ("bridge", filled(&row)),
        ("uplinks", uplink.map(|uplink| json!([uplink]))),
    ])
}

fn uplink(pf: &PfSnapshot, keys: &PortKeys) -> Map<String, Value> {
    let name = pf.interface.as_ref().map(|nic| &nic.name);
    let row = object([
        ("externalIDs", entries(&keys.external_ids)),
        ("mtuRequest", keys.mtu_request.map(|mtu| json!(mtu))),
        ("options", entries(&keys.options)),
        ("otherConfig", entries(&keys.other_config)),
        ("type", keys.kind.as_ref().map(|it| json!(it))),
    ]);
    object([
        ("pciAddress", Some(json!(pf.address))),
        ("name", name.map(|name: &InterfaceName| json!(name))),
        ("interface", filled(&row)),
    ])
}

fn filled(row: &Map<String, Value>) -> Option<Value> {
    (!row.is_empty()).then(|| json!(row))
}

fn entries(entries: &Entries) -> Option<Value> {
    (!entries.is_empty()).then(|| json!(entries))
}
