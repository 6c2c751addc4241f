//! A network as a CNI configuration list.

use super::text::{object, pretty};
use crate::model::attribute::{KeyValue, on_off};
use crate::model::{NetworkName, PciAddress, ResourceName};
use crate::policy::Network;
use crate::policy::libcni::{self, Refusal};
use crate::policy::network::{Description, NetworkBody, PluginType};
use serde_json::{Map, Value, json};

/// Ours sort behind those of cluster networks, and are known to be ours by this.
const PREFIX: &str = "99-sriovd-";
/// The binary of our own plugin.
const OUR_PLUGIN: &str = "sriovd-cni";

const SUFFIX: &str = ".conflist";

/// Accepted by everything that reads conflists; 1.1.0 is unknown to the plugins of Debian 12 and 13.
const DEFAULT_VERSION: &str = "1.0.0";

/// The name of a network's conflist, which sorts last in the CNI directory.
pub fn file_name(network: &NetworkName) -> String {
    format!("{PREFIX}{network}{SUFFIX}")
}

/// Whether a file in a CNI directory is one of ours.
pub fn is_file_name(name: &str) -> bool {
    name.starts_with(PREFIX) && name.ends_with(SUFFIX)
}

/// Whether container runtimes read it, before any of ours.
pub fn is_configuration_before_ours(name: &str) -> bool {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    matches!(extension, Some("conf" | "conflist" | "json")) && name < PREFIX
}

/// Where a network's VF comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device<'a> {
    /// The reader chooses one.
    None,
    /// This one, for one container at a time.
    Vf(PciAddress),
    /// Any free one of the pool: our own plugin finds it.
    Pool(&'a ResourceName),
}

/// Whether our own plugin can stand in for the one that the network asks for.
pub fn is_for_our_plugin(network: &Network) -> bool {
    matches!(&network.body, NetworkBody::Described(it) if it.plugin == PluginType::Sriov)
        && network.resource.is_some()
}

/// A configuration that its readers would refuse is none.
pub fn conflist(network: &Network, device: Device<'_>) -> Result<String, Refusal> {
    let mut list = match &network.body {
        NetworkBody::Described(description) => described(description),
        NetworkBody::Raw(config) => as_list(config),
    };
    list.insert("name".to_owned(), json!(network.name));
    if let Some(refusal) = libcni::refusals(&list).into_iter().next() {
        return Err(refusal);
    }
    if let Some(plugin) = list
        .get_mut("plugins")
        .and_then(|plugins| plugins.get_mut(0))
    {
        match device {
            Device::None => {}
            Device::Vf(device) => {
                let host_device = plugin["type"] == PluginType::HostDevice.binary();
                let key = if host_device { "pciBusID" } else { "deviceID" };
                plugin[key] = json!(device);
            }
            Device::Pool(pool) => {
                plugin["type"] = json!(OUR_PLUGIN);
                plugin["pool"] = json!(pool);
            }
        }
    }
    Ok(pretty(&Value::Object(list)))
}

fn described(description: &Description) -> Map<String, Value> {
    let mut first = description.plugin_config.clone();
    first.extend(attributes(description));
    let capabilities = Some(&description.capabilities).filter(|map| !map.is_empty());
    first.extend(object([
        ("type", Some(json!(description.plugin.binary()))),
        ("capabilities", capabilities.map(|map| json!(map))),
        ("ipam", description.ipam.as_ref().map(|map| json!(map))),
        ("mac", description.mac.map(|mac| json!(mac))),
    ]));
    let mut plugins = vec![first];
    plugins.extend(description.meta_plugins.iter().cloned());
    object([
        ("cniVersion", Some(json!(description.cni_version))),
        ("plugins", Some(json!(plugins))),
    ])
}

/// Of rates both or none: the plugin sends 0 for the one that is missing.
fn attributes(description: &Description) -> impl Iterator<Item = (String, Value)> {
    let given = description.settings.in_networks();
    let its = given.filter(|(ours, ..)| description.plugin.takes(ours.key));
    its.map(|(_, theirs, value)| {
        let value = match value {
            KeyValue::Switch(on) => json!(on_off(on)),
            KeyValue::Mac(mac) => json!(mac),
            KeyValue::Number(number) => json!(number),
            KeyValue::Word(word) => json!(word),
        };
        (theirs.cni.to_owned(), value)
    })
}

fn as_list(config: &Map<String, Value>) -> Map<String, Value> {
    let mut list = config.clone();
    let version = list.remove("cniVersion");
    let version = version.unwrap_or_else(|| json!(DEFAULT_VERSION));
    if !list.contains_key("plugins") {
        list.remove("name");
        list = object([("plugins", Some(json!([list])))]);
    }
    list.insert("cniVersion".to_owned(), version);
    list
}

#[cfg(test)]
mod tests;
