//! One network: what its keys say together, and what libcni would refuse of it.

use super::attributes;
use crate::model::{VfAttribute, VfSettings};
use crate::policy::Origin;
use crate::policy::draft::NetworkDraft;
use crate::policy::libcni::{self, Refusal};
use crate::policy::network::{Description, Network, NetworkBody, PluginType};
use crate::policy::reader::{Fault, Table, missing};
use serde_json::{Map, Value};

/// `None` where there is no name to call it by. Where a fault was told, the rest may be made up.
pub(super) fn network(
    draft: &NetworkDraft,
    origin: Origin,
    faults: &mut Vec<Fault>,
) -> Option<Network> {
    let name = draft.name.required(NetworkDraft::WHAT, "name", faults);
    let description = description(draft, faults);
    check_plugin(draft, description.plugin, faults);
    let body = match draft.config.get() {
        Some(config) => {
            check_config(draft, config, faults);
            NetworkBody::Raw(config.clone())
        }
        None => NetworkBody::Described(Box::new(description)),
    };
    if !draft.config.is_given() && !draft.resource.is_given() {
        let expected = "the pool whose VFs it takes, or a whole \"config\"";
        faults.push(missing(NetworkDraft::WHAT, "resource").expecting(expected));
    }
    Some(Network {
        name: name?,
        origin,
        resource: draft.resource.cloned(),
        namespace: draft.namespace.cloned(),
        body,
    })
}

fn description(draft: &NetworkDraft, faults: &mut Vec<Fault>) -> Description {
    let capabilities = draft.capabilities.or_default();
    let capabilities = capabilities.into_iter();
    Description {
        plugin: draft.r#type.or_default(),
        cni_version: draft.cni_version.or("1.0.0").to_owned(),
        settings: attributes::settings(&draft.attributes, &VfSettings::default(), faults),
        mac: draft.mac.cloned(),
        capabilities: capabilities
            .map(|(name, on)| (name, Value::Bool(on)))
            .collect(),
        ipam: ipam(draft, faults),
        plugin_config: plugin_config(draft, faults),
        meta_plugins: meta_plugins(draft, faults),
    }
}

fn ipam(draft: &NetworkDraft, faults: &mut Vec<Fault>) -> Option<Map<String, Value>> {
    let ipam = draft.ipam.get()?;
    if !ipam.is_empty() && !has_plugin_type(ipam) {
        let fault = Fault::new("\"ipam\" names no plugin").at("ipam");
        faults.push(fault.expecting(PLUGIN_TYPE));
    }
    let plugin = Map::from_iter([("ipam".to_owned(), Value::Object(ipam.clone()))]);
    tell("ipam", libcni::refusals_of_keys(&plugin), faults);
    Some(ipam.clone())
}

/// What has a key here is said with that.
fn plugin_config(draft: &NetworkDraft, faults: &mut Vec<Fault>) -> Map<String, Value> {
    let key = "plugin_config";
    let config = draft.plugin_config.or_default();
    for (theirs, ours) in written() {
        if config.contains_key(theirs) {
            let fault = Fault::new(format!("\"{theirs}\" has no place in \"{key}\"")).at(key);
            faults.push(fault.suggesting(match ours {
                Some(ours) => format!("write \"{ours}\" in the network"),
                None => "it is written by itself".to_owned(),
            }));
        }
    }
    tell(key, libcni::refusals_of_keys(&config), faults);
    config
}

/// Keys of plugins that are written by themselves, or from another key.
const WRITTEN: [(&str, Option<&str>); 8] = [
    ("type", Some("type")),
    ("name", Some("name")),
    ("cniVersion", Some("cni_version")),
    ("deviceID", None),
    ("pciBusID", None),
    ("pool", Some("resource")),
    ("capabilities", Some("capabilities")),
    ("ipam", Some("ipam")),
];

/// With those of attributes.
fn written() -> impl Iterator<Item = (&'static str, Option<&'static str>)> {
    let keys = VfAttribute::keys().filter_map(|key| Some((key.networks?.cni, Some(key.key))));
    WRITTEN.into_iter().chain(keys)
}

fn meta_plugins(draft: &NetworkDraft, faults: &mut Vec<Fault>) -> Vec<Map<String, Value>> {
    let key = "meta_plugins";
    let plugins = draft.meta_plugins.get().into_iter().flatten();
    let plugins: Vec<_> = plugins.map(|(_, plugin)| plugin.clone()).collect();
    if !plugins.iter().all(has_plugin_type) {
        let fault = Fault::new(format!("an entry of \"{key}\" names no plugin")).at(key);
        faults.push(fault.expecting(PLUGIN_TYPE));
    }
    for plugin in &plugins {
        tell(key, libcni::refusals_of_keys(plugin), faults);
    }
    plugins
}

/// A raw configuration, which says everything itself.
fn check_config(draft: &NetworkDraft, config: &Map<String, Value>, faults: &mut Vec<Fault>) {
    let plugins = match config.get("plugins") {
        Some(Value::Array(plugins)) => plugins.iter().map(Value::as_object).collect(),
        Some(_) => None,
        None => Some(vec![config]),
    };
    let is_complete = plugins
        .is_some_and(|plugins| !plugins.is_empty() && plugins.into_iter().all(has_plugin_type));
    if is_complete {
        tell("config", libcni::refusals(config), faults);
    } else {
        let fault = Fault::new("\"config\" is neither a CNI plugin nor a list of them");
        let expected = "\"type\", or \"plugins\" with a \"type\" in each";
        faults.push(fault.at("config").expecting(expected));
    }
    let beside = ["name", "resource", "namespace", "config"];
    for key in draft
        .given()
        .into_iter()
        .filter(|key| !beside.contains(key))
    {
        let fault = Fault::new(format!("\"{key}\" has no effect beside \"config\"")).at(key);
        faults.push(fault.suggesting("write it within \"config\""));
    }
}

fn tell(key: &str, refusals: Vec<Refusal>, faults: &mut Vec<Fault>) {
    faults.extend(refusals.into_iter().map(|refusal| {
        let Refusal { what, found, .. } = &refusal;
        let fault = Fault::new(format!("bad value in \"{key}\": {what} is {found}"));
        fault.at(key).expecting(refusal.expected)
    }));
}

const PLUGIN_TYPE: &str = "type = the name of a CNI plugin";

/// The name is one of an executable file in the runtime's plugin directory.
fn has_plugin_type(plugin: &Map<String, Value>) -> bool {
    let name = plugin.get("type").and_then(Value::as_str);
    name.is_some_and(|name| !name.is_empty() && !name.contains('/') && !name.starts_with('.'))
}

/// All attributes are set by the SR-IOV plugin, some by others.
fn check_plugin(draft: &NetworkDraft, plugin: PluginType, faults: &mut Vec<Fault>) {
    let mut given = draft.attributes.given();
    given.extend(draft.mac.is_given().then_some("mac"));
    for key in given.into_iter().filter(|key| !plugin.takes(key)) {
        let binary = plugin.binary();
        let fault = Fault::new(format!("\"{key}\" has no effect with type = \"{binary}\""));
        faults.push(
            fault
                .at(key)
                .suggesting("leave it out, or take type = \"sriov\""),
        );
    }
}
