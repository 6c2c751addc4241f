//! A network as a NetworkAttachmentDefinition, as the SR-IOV network operator would write it.

use super::cni;
use super::text::{MANAGER, MANAGER_LABEL, object, pretty};
use crate::model::{NetworkName, ResourceName};
use crate::policy::libcni::Refusal;
use crate::policy::network::{NetworkBody, PluginType};
use crate::policy::{DEFAULT_PREFIX, Network};
use serde_json::{Map, Value, json};

/// What makes multus ask kubelet for a VF of the pool.
pub const RESOURCE: &str = "k8s.v1.cni.cncf.io/resourceName";

/// Why a network has no NetworkAttachmentDefinition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotForKubernetes {
    /// The API server refuses such a name (RFC 1123 subdomain).
    #[error("{0} is not a name in Kubernetes: lower case letters, digits, '.' and '-'")]
    Name(NetworkName),
    /// The CNI configuration within would be refused.
    #[error(transparent)]
    Unusable(#[from] Refusal),
}

/// The name of a network's manifest: namespace and name, so that equal names do not meet.
pub fn file_name(network: &Network) -> String {
    let namespace = network.namespace.as_deref().unwrap_or("default");
    format!("{namespace}.{}.json", network.name)
}

/// `prefix`: the domain of the pool's resource.
pub fn manifest(network: &Network, prefix: Option<&str>) -> Result<String, NotForKubernetes> {
    if !is_object_name(network.name.as_str()) {
        return Err(NotForKubernetes::Name(network.name.clone()));
    }
    let mut metadata = object([
        ("name", Some(json!(network.name))),
        ("namespace", network.namespace.as_ref().map(|it| json!(it))),
        ("labels", Some(json!({MANAGER_LABEL: MANAGER}))),
    ]);
    if let Some(resource) = &network.resource {
        let name = resource_name(prefix, resource);
        metadata.insert("annotations".to_owned(), json!({RESOURCE: name}));
    }
    Ok(pretty(&json!({
        "apiVersion": "k8s.cni.cncf.io/v1",
        "kind": "NetworkAttachmentDefinition",
        "metadata": metadata,
        "spec": {"config": pretty(&config(network)?).trim_end()},
    })))
}

fn resource_name(prefix: Option<&str>, resource: &ResourceName) -> String {
    format!("{}/{resource}", prefix.unwrap_or(DEFAULT_PREFIX))
}

/// A plugin alone is not a list. multus puts the device in.
fn config(network: &Network) -> Result<Value, NotForKubernetes> {
    let text = cni::conflist(network, cni::Device::None)?;
    let mut list: Map<String, Value> = serde_json::from_str(&text).unwrap_or_default();
    let NetworkBody::Described(description) = &network.body else {
        return Ok(Value::Object(list));
    };
    let mut plugins = match list.remove("plugins") {
        Some(Value::Array(plugins)) => plugins,
        _ => Vec::new(),
    };
    if let Some(first) = plugins.first_mut() {
        // The operator says one always, if only 0, which clears the one that the policy gave the VF.
        if description.plugin == PluginType::Sriov && description.settings.vlan.is_some() {
            let qos = first["vlanQoS"].take();
            first["vlanQoS"] = if qos.is_null() { json!(0) } else { qos };
        }
        let ipam = first["ipam"].take();
        first["ipam"] = if ipam.is_null() { json!({}) } else { ipam };
    }
    if let ([Value::Object(only)], true) = (&plugins[..], description.meta_plugins.is_empty()) {
        list.extend(only.clone());
    } else {
        list.insert("plugins".to_owned(), Value::Array(plugins));
    }
    Ok(Value::Object(list))
}

/// A DNS subdomain (RFC 1123).
fn is_object_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
    name.chars().all(plain)
}

#[cfg(test)]
mod tests;
