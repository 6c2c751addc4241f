//! Networks of sriov-network-operator, of three kinds.

use super::super::Unreadable;
use super::super::fields::Fields;
use super::super::item::{Item, toml_of};
use super::super::select::resource;
use super::head;
use crate::model::VfAttribute;
use crate::policy::source::ItemKind;
use serde_json::{Map, Value, json};

fn network<'n>(object: &mut Fields<'n>) -> Result<(Item, Fields<'n>), Unreadable> {
    let (name, namespace) = head(object)?.unwrap_or_default();
    let mut item = Item::new(ItemKind::Network, name, object);
    let (file, line) = (object.file(), object.line);
    let Some(mut spec) = object.table("spec") else {
        let what = "this network has no \"spec\"";
        return Err(Unreadable::new(file, line, what));
    };
    resource(&mut item, spec.required("resourceName")?);
    let namespace = spec.text("networkNamespace").or(namespace);
    item.given("namespace", namespace.filter(|it| !it.is_empty()));
    Ok((item, spec))
}

/// A `SriovNetwork`.
pub fn sriov_network(object: &mut Fields<'_>) -> Result<Item, Unreadable> {
    let (mut item, mut spec) = network(object)?;
    // The operator writes it always, and the CNI plugin clears the VLAN then.
    let vlan = spec.integer("vlan").unwrap_or(0);
    item.pair("vlan", vlan);
    item.given("vlan_qos", spec.integer("vlanQoS").filter(|&qos| qos != 0));
    let proto = spec.text("vlanProto").map(|proto| proto.to_lowercase());
    item.given("vlan_proto", proto.filter(|_| vlan != 0));
    for (facts, _) in VfAttribute::switches() {
        let Some(theirs) = facts.key.networks.and_then(|keys| keys.operator) else {
            continue;
        };
        let ours = facts.key.key;
        match spec.text(theirs).as_deref() {
            None | Some("") => {}
            Some("on" | "true") => item.pair(ours, true),
            Some("off" | "false") => item.pair(ours, false),
            Some(other) => {
                let note = format!("spec.{theirs} = {other:?} is neither \"on\" nor \"off\"");
                item.note(None, note);
                item.disable();
            }
        }
    }
    item.given(
        "link_state",
        spec.text("linkState").filter(|it| !it.is_empty()),
    );
    item.given("min_tx_rate", spec.integer("minTxRate"));
    item.given("max_tx_rate", spec.integer("maxTxRate"));
    for (theirs, ours) in [("capabilities", "capabilities"), ("ipam", "ipam")] {
        let value = embedded(&mut item, &mut spec, theirs);
        let empty = value == Some(json!({}));
        match value.filter(|_| !empty) {
            Some(value) if toml_of(&value).is_some() => item.pair(ours, value),
            Some(_) => item.note(
                None,
                format!("spec.{theirs} holds null, which TOML has not"),
            ),
            None => {}
        }
    }
    if let Some(plugins) = meta_plugins(&mut item, &mut spec) {
        match toml_of(&plugins) {
            Some(_) => item.pair("meta_plugins", plugins),
            None => item.note(None, "spec.metaPlugins holds null, which TOML has not"),
        }
    }
    let mut log = Map::new();
    for key in ["logLevel", "logFile"] {
        // What the plugin does by itself.
        let text = spec
            .text(key)
            .filter(|text| !text.is_empty() && text != "info");
        log.extend(text.map(|text| (key.to_owned(), Value::String(text))));
    }
    if !log.is_empty() {
        item.pair("plugin_config", log);
    }
    item.leftovers(&spec);
    Ok(item)
}

/// A `SriovIBNetwork`.
pub fn ib_network(object: &mut Fields<'_>) -> Result<Item, Unreadable> {
    let (mut item, mut spec) = network(object)?;
    let mut plugin = json!({"type": "ib-sriov"});
    if let Some(state) = spec.text("linkState").filter(|it| !it.is_empty()) {
        plugin["link_state"] = json!(state);
    }
    as_given(&mut item, &mut spec, plugin);
    item.leftovers(&spec);
    Ok(item)
}

/// An `OVSNetwork`.
pub fn ovs_network(object: &mut Fields<'_>) -> Result<Item, Unreadable> {
    let (mut item, mut spec) = network(object)?;
    let mut plugin = json!({"type": "ovs"});
    for (theirs, ours) in [("bridge", "bridge"), ("interfaceType", "interface_type")] {
        if let Some(text) = spec.text(theirs).filter(|text| !text.is_empty()) {
            plugin[ours] = json!(text);
        }
    }
    for key in ["vlan", "mtu"] {
        if let Some(number) = spec.integer(key).filter(|&number| number != 0) {
            plugin[key] = json!(number);
        }
    }
    if let Some(trunk) = spec.node("trunk") {
        plugin["trunk"] = trunk.json();
    }
    as_given(&mut item, &mut spec, plugin);
    item.leftovers(&spec);
    Ok(item)
}

/// A plugin with keys that are not ours: a whole configuration.
fn as_given(item: &mut Item, spec: &mut Fields<'_>, mut plugin: Value) {
    for key in ["capabilities", "ipam"] {
        if let Some(value) = embedded(item, spec, key).filter(|value| *value != json!({})) {
            plugin[key] = value;
        }
    }
    let mut plugins = vec![plugin];
    if let Some(Value::Array(more)) = meta_plugins(item, spec) {
        plugins.extend(more);
    }
    let config = json!({"cniVersion": "1.0.0", "plugins": plugins});
    item.config(&config);
}

/// JSON in a text, or, as some write it, YAML in its place.
fn embedded(item: &mut Item, spec: &mut Fields<'_>, key: &str) -> Option<Value> {
    let node = spec.node(key)?;
    let value = match node.json() {
        Value::String(text) if text.trim().is_empty() => return None,
        Value::String(text) => serde_json::from_str(&text).map_err(|error| error.to_string()),
        other => Ok(other),
    };
    match value {
        Ok(value @ Value::Object(_)) => return Some(value),
        Ok(other) => item.note(Some(node.line), format!("spec.{key} is no object: {other}")),
        Err(error) => item.note(Some(node.line), format!("spec.{key} is no JSON: {error}")),
    }
    None
}

/// Objects with commas between them, without the brackets of a list.
fn meta_plugins(item: &mut Item, spec: &mut Fields<'_>) -> Option<Value> {
    let key = "metaPlugins";
    let (line, text) = (spec.line, spec.text(key)?);
    if text.trim().is_empty() {
        return None;
    }
    match serde_json::from_str(&format!("[{text}]")) {
        Ok(plugins) => Some(plugins),
        Err(error) => {
            item.note(Some(line), format!("spec.{key} is no JSON: {error}"));
            None
        }
    }
}
