//! One `[[network]]`.

use super::{origin, settings, value};
use crate::model::VfSettings;
use crate::policy::libcni::{self, Refusal};
use crate::policy::network::{Description, Network, NetworkBody, PluginType};
use crate::policy::reader::json::all_with_whole_numbers;
use crate::policy::reader::value::{boolean, parsed, word};
use crate::policy::reader::{Fault, Table};
use serde_json::{Map, Value};

/// What the VF is set to: all of it by the SR-IOV plugin, some by others.
const SRIOV_KEYS: [&str; 9] = [
    "vlan",
    "vlan_qos",
    "vlan_proto",
    "spoof_check",
    "trust",
    "link_state",
    "min_tx_rate",
    "max_tx_rate",
    "mac",
];
const OTHER_KEYS: [&str; 6] = [
    "type",
    "plugin_config",
    "cni_version",
    "capabilities",
    "ipam",
    "meta_plugins",
];

/// `None` where there is no name to call it by. Where anything was reported, the rest may be
/// made up: the file is not used.
pub(super) fn read(table: &mut Table<'_>) -> Option<Network> {
    let name = table.required("name", parsed);
    let resource = table.value("resource", value::resource);
    let namespace = table.value("namespace", value::namespace);
    let description = description(table);
    check_plugin(table, description.plugin);
    let body = match raw(table) {
        Some(raw) => NetworkBody::Raw(raw),
        None => NetworkBody::Described(Box::new(description)),
    };
    if !table.has("config") && !table.has("resource") {
        table.missing(
            "resource",
            "the pool whose VFs it takes, or a whole \"config\"",
        );
    }
    Some(Network {
        name: name?,
        origin: origin(table),
        resource,
        namespace,
        body,
    })
}

fn description(table: &mut Table<'_>) -> Description {
    let plugin = table.value("type", |value| {
        let words = [
            ("sriov", PluginType::Sriov),
            ("ib-sriov", PluginType::IbSriov),
            ("ovs", PluginType::Ovs),
            ("host-device", PluginType::HostDevice),
        ];
        word(value, &words)
    });
    let cni_version = table.value("cni_version", value::cni_version);
    Description {
        plugin: plugin.unwrap_or_default(),
        cni_version: cni_version.unwrap_or("1.0.0").to_owned(),
        settings: settings::read(table, &VfSettings::default()),
        mac: table.value("mac", value::mac),
        capabilities: capabilities(table),
        ipam: ipam(table),
        plugin_config: plugin_config(table),
        meta_plugins: meta_plugins(table),
    }
}

fn capabilities(table: &mut Table<'_>) -> Map<String, Value> {
    let capabilities = table.map("capabilities", boolean).into_iter();
    capabilities
        .map(|(name, on)| (name, Value::Bool(on)))
        .collect()
}

fn ipam(table: &mut Table<'_>) -> Option<Map<String, Value>> {
    let ipam = table.object("ipam")?;
    if !ipam.is_empty() && !has_plugin_type(&ipam) {
        let fault = Fault::new("\"ipam\" names no plugin");
        table.error("ipam", fault.expecting(PLUGIN_TYPE));
    }
    let plugin = Map::from_iter([("ipam".to_owned(), Value::Object(ipam.clone()))]);
    report(table, "ipam", libcni::refusals_of_keys(&plugin));
    Some(ipam)
}

/// What has a key here is said with that.
fn plugin_config(table: &mut Table<'_>) -> Map<String, Value> {
    let config = table.object("plugin_config").unwrap_or_default();
    for (key, ours) in WRITTEN {
        if config.contains_key(key) {
            let fault = Fault::new(format!("\"{key}\" has no place in \"plugin_config\""));
            let suggestion = match ours {
                Some(ours) => format!("write \"{ours}\" in the network"),
                None => "it is written by itself".to_owned(),
            };
            table.error("plugin_config", fault.suggesting(suggestion));
        }
    }
    report(table, "plugin_config", libcni::refusals_of_keys(&config));
    config
}

/// Keys of plugins that are written by themselves, or from another key.
const WRITTEN: [(&str, Option<&str>); 17] = [
    ("type", Some("type")),
    ("name", Some("name")),
    ("cniVersion", Some("cni_version")),
    ("deviceID", None),
    ("pciBusID", None),
    ("pool", Some("resource")),
    ("vlan", Some("vlan")),
    ("vlanQoS", Some("vlan_qos")),
    ("vlanProto", Some("vlan_proto")),
    ("mac", Some("mac")),
    ("spoofchk", Some("spoof_check")),
    ("trust", Some("trust")),
    ("link_state", Some("link_state")),
    ("min_tx_rate", Some("min_tx_rate")),
    ("max_tx_rate", Some("max_tx_rate")),
    ("capabilities", Some("capabilities")),
    ("ipam", Some("ipam")),
];

fn meta_plugins(table: &mut Table<'_>) -> Vec<Map<String, Value>> {
    let plugins = table.objects("meta_plugins");
    if !plugins.iter().all(has_plugin_type) {
        let fault = Fault::new("an entry of \"meta_plugins\" names no plugin");
        table.error("meta_plugins", fault.expecting(PLUGIN_TYPE));
    }
    for plugin in &plugins {
        report(table, "meta_plugins", libcni::refusals_of_keys(plugin));
    }
    plugins
}

/// A raw configuration, which says everything itself.
fn raw(table: &mut Table<'_>) -> Option<Map<String, Value>> {
    let config = match table.text_of("config") {
        Some(text) => match serde_json::from_str(text) {
            Ok(config) => all_with_whole_numbers(config),
            Err(error) => {
                let fault = Fault::new(format!("\"config\" is not a JSON object: {error}"));
                table.error("config", fault.expecting("a CNI plugin or list in JSON"));
                return None;
            }
        },
        None => table.object("config")?,
    };
    let plugins = match config.get("plugins") {
        Some(Value::Array(plugins)) => plugins.iter().map(Value::as_object).collect(),
        Some(_) => None,
        None => Some(vec![&config]),
    };
    let complete = plugins
        .is_some_and(|plugins| !plugins.is_empty() && plugins.into_iter().all(has_plugin_type));
    if !complete {
        let fault = Fault::new("\"config\" is neither a CNI plugin nor a list of them");
        let expected = "\"type\", or \"plugins\" with a \"type\" in each";
        table.error("config", fault.expecting(expected));
    }
    if complete {
        report(table, "config", libcni::refusals(&config));
    }
    for key in SRIOV_KEYS.iter().chain(&OTHER_KEYS) {
        if table.has(key) {
            let fault = Fault::new(format!("\"{key}\" has no effect beside \"config\""));
            table.error(key, fault.suggesting("write it within \"config\""));
        }
    }
    Some(config)
}

fn report(table: &Table<'_>, key: &str, refusals: Vec<Refusal>) {
    for refusal in refusals {
        let Refusal { what, found, .. } = &refusal;
        let fault = Fault::new(format!("bad value in \"{key}\": {what} is {found}"));
        table.error(key, fault.expecting(refusal.expected));
    }
}

const PLUGIN_TYPE: &str = "type = the name of a CNI plugin";

/// The name is one of an executable file in the runtime's plugin directory.
fn has_plugin_type(plugin: &Map<String, Value>) -> bool {
    let name = plugin.get("type").and_then(Value::as_str);
    name.is_some_and(|name| !name.is_empty() && !name.contains('/') && !name.starts_with('.'))
}

fn check_plugin(table: &Table<'_>, plugin: PluginType) {
    let its_own: &[&str] = match plugin {
        PluginType::Sriov => return,
        PluginType::IbSriov => &["link_state"],
        PluginType::Ovs => &["vlan"],
        PluginType::HostDevice => &[],
    };
    let foreign = |key: &&&str| table.has(key) && !its_own.contains(key);
    for key in SRIOV_KEYS.iter().filter(foreign) {
        let binary = plugin.binary();
        let fault = Fault::new(format!("\"{key}\" has no effect with type = \"{binary}\""));
        table.error(
            key,
            fault.suggesting("leave it out, or take type = \"sriov\""),
        );
    }
}
