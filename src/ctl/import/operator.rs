//! Objects of sriov-network-operator: policies, and networks of three kinds.

use super::fields::Fields;
use super::item::{Item, Kind, toml_of};
use crate::model::{PciAddress, PciId, ResourceName};
use crate::policy::file;
use serde_json::{Map, Value, json};
use std::path::Path;

/// `None` for the one that the operator ignores itself.
pub(super) fn policy(object: &mut Fields<'_>) -> anyhow::Result<Option<Item>> {
    let Some((name, _)) = head(object)? else {
        return Ok(None);
    };
    if name == "default" {
        return Ok(None);
    }
    let mut item = Item::new(Kind::Policy, name, object);
    item.by_name = true;
    let Some(mut spec) = object.table("spec") else {
        anyhow::bail!(
            "{}:{}: this policy has no \"spec\"",
            object.file(),
            object.line
        );
    };
    item.given("priority", spec.integer("priority"));
    resource(&mut item, spec.required("resourceName")?);
    let external = spec.boolean("externallyManaged").unwrap_or(false);
    match (spec.integer("numVfs"), external) {
        (Some(0), _) => {
            item.note(None, "numVfs = 0: the operator does nothing for it");
            item.disable();
            item.pair("num_vfs", 0);
        }
        (count, true) => {
            item.pair("external", true);
            if let Some(count) = count {
                let note = format!("numVfs = {count}: whoever makes the VFs sees to that");
                item.note(None, note);
            }
        }
        (Some(count), false) => item.pair("num_vfs", count),
        (None, false) => item.note(None, "it has no numVfs: say how many, num_vfs = ..."),
    }
    item.given("mtu", spec.integer("mtu").filter(|&mtu| mtu > 0));
    item.given(
        "device_type",
        spec.text("deviceType").filter(|it| !it.is_empty()),
    );
    for (theirs, ours) in [
        ("isRdma", "is_rdma"),
        ("needVhostNet", "need_vhost_net"),
        ("excludeTopology", "exclude_topology"),
    ] {
        item.given(ours, spec.boolean(theirs).filter(|on| *on));
    }
    // What a NIC is without anybody's doing.
    for (key, usual) in [("eSwitchMode", "legacy"), ("linkType", "eth")] {
        let value = spec.text(key).filter(|value| !value.is_empty());
        if let Some(value) = value.filter(|value| !value.eq_ignore_ascii_case(usual)) {
            item.note(None, format!("spec.{key} = {value:?} is not carried over"));
        }
    }
    select_nics(&mut item, spec.table("nicSelector"));
    if let Some(mut labels) = spec.table("nodeSelector") {
        let labels = labels.texts().into_iter();
        let labels: Map<_, _> = labels
            .filter_map(|(label, node)| Some((label, Value::String(node.text()?))))
            .collect();
        if !labels.is_empty() {
            item.pair("node.labels", labels);
        }
    }
    item.leftovers(&spec);
    Ok(Some(item))
}

fn select_nics(item: &mut Item, selector: Option<Fields<'_>>) {
    let Some(mut selector) = selector else {
        item.note(None, "without a nicSelector the operator selects nothing");
        item.disable();
        return;
    };
    let vendor: Vec<_> = selector.text("vendor").into_iter().collect();
    let device: Vec<_> = selector.text("deviceID").into_iter().collect();
    let addresses = selector.strings("rootDevices");
    let names = selector.strings("pfNames");
    let given = [&vendor, &device, &addresses, &names];
    let nothing = given
        .iter()
        .all(|values| values.iter().all(String::is_empty));
    if nothing && !selector.has("netFilter") {
        item.note(
            None,
            "with an empty nicSelector the operator selects nothing",
        );
    }
    if nothing {
        item.disable();
    }
    select(item, "match.vendor", vendor, |text| {
        text.parse::<PciId>().is_ok()
    });
    select(item, "match.device", device, |text| {
        text.parse::<PciId>().is_ok()
    });
    select(item, "match.pci_address", addresses, |text| {
        text.parse::<PciAddress>().is_ok()
    });
    select(item, "match.pf_name", names, is_pf_name);
    if selector.has("netFilter") {
        item.disable();
    }
    item.leftovers(&selector);
}

/// A value that cannot be one of ours names nothing; without it the policy would name more.
pub(super) fn select(
    item: &mut Item,
    key: &str,
    mut values: Vec<String>,
    valid: impl Fn(&str) -> bool,
) {
    values.retain(|value| !value.is_empty());
    let all = values.len();
    let bad: Vec<String> = values.iter().filter(|it| !valid(it)).cloned().collect();
    for bad in &bad {
        item.note(None, format!("{key} cannot be {bad:?}"));
    }
    values.retain(|value| valid(value));
    if values.is_empty() && all > 0 {
        item.disable();
    }
    item.any_of(key, values);
}

/// As our own parser sees it.
pub(super) fn is_pf_name(text: &str) -> bool {
    let name = toml_of(&json!(text)).unwrap_or_default();
    let policy = format!("[[policy]]\nname = \"a\"\nnum_vfs = 65535\nmatch.pf_name = {name}\n");
    file::parse(Path::new(""), &policy).is_ok()
}

pub(super) fn resource(item: &mut Item, name: String) {
    if let Err(malformed) = name.parse::<ResourceName>() {
        item.note(None, format!("change the resource: {malformed}"));
    }
    item.pair("resource", name);
}

/// The object's name and namespace; `None` where it is no object but a template.
fn head(object: &mut Fields<'_>) -> anyhow::Result<Option<(String, Option<String>)>> {
    for key in ["apiVersion", "kind", "status"] {
        object.node(key);
    }
    let (file, line) = (object.file(), object.line);
    let Some(mut metadata) = object.table("metadata") else {
        anyhow::bail!("{file}:{line}: this object has no \"metadata\"");
    };
    let name = metadata.required("name")?;
    Ok(Some((name, metadata.text("namespace"))))
}

fn network<'n>(object: &mut Fields<'n>) -> anyhow::Result<(Item, Fields<'n>)> {
    let (name, namespace) = head(object)?.unwrap_or_default();
    let mut item = Item::new(Kind::Network, name, object);
    let (file, line) = (object.file(), object.line);
    let Some(mut spec) = object.table("spec") else {
        anyhow::bail!("{file}:{line}: this network has no \"spec\"");
    };
    resource(&mut item, spec.required("resourceName")?);
    let namespace = spec.text("networkNamespace").or(namespace);
    item.given("namespace", namespace.filter(|it| !it.is_empty()));
    Ok((item, spec))
}

pub(super) fn sriov_network(object: &mut Fields<'_>) -> anyhow::Result<Item> {
    let (mut item, mut spec) = network(object)?;
    // The operator writes it always, and the CNI plugin clears the VLAN then.
    let vlan = spec.integer("vlan").unwrap_or(0);
    item.pair("vlan", vlan);
    item.given("vlan_qos", spec.integer("vlanQoS").filter(|&qos| qos != 0));
    let proto = spec.text("vlanProto").map(|proto| proto.to_lowercase());
    item.given("vlan_proto", proto.filter(|_| vlan != 0));
    for (theirs, ours) in [("spoofChk", "spoof_check"), ("trust", "trust")] {
        match spec.text(theirs).as_deref() {
            None | Some("") => {}
            Some("on" | "true") => item.pair(ours, true),
            Some(_) => item.pair(ours, false),
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
        match value.as_ref().filter(|_| !empty).map(toml_of) {
            Some(Some(value)) => item.raw(ours, value),
            Some(None) => item.note(
                None,
                format!("spec.{theirs} holds null, which TOML has not"),
            ),
            None => {}
        }
    }
    if let Some(plugins) = meta_plugins(&mut item, &mut spec) {
        match toml_of(&plugins) {
            Some(plugins) => item.raw("meta_plugins", plugins),
            None => item.note(None, "spec.metaPlugins holds null, which TOML has not"),
        }
    }
    let level = spec.text("logLevel");
    if level.is_some_and(|level| !["", "info"].contains(&level.as_str())) {
        item.note(None, "spec.logLevel is not carried over");
    }
    item.leftovers(&spec);
    Ok(item)
}

pub(super) fn ib_network(object: &mut Fields<'_>) -> anyhow::Result<Item> {
    let (mut item, mut spec) = network(object)?;
    let mut plugin = json!({"type": "ib-sriov"});
    if let Some(state) = spec.text("linkState").filter(|it| !it.is_empty()) {
        plugin["link_state"] = json!(state);
    }
    as_given(&mut item, &mut spec, plugin);
    item.leftovers(&spec);
    Ok(item)
}

pub(super) fn ovs_network(object: &mut Fields<'_>) -> anyhow::Result<Item> {
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
    item.raw("config", as_text(&config));
}

/// JSON in a literal text, which is as it is given.
pub(super) fn as_text(config: &Value) -> String {
    let text = format!("{config:#}");
    match text.contains("'''") {
        true => toml_of(&Value::String(text)).unwrap_or_default(),
        false => format!("'''\n{text}\n'''"),
    }
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
