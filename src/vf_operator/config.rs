//! What is posted as the item of a source that it becomes, and back. Pure.
#![deny(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros
)]

use super::attachment::Attachment;
use super::proto::{NicSelector, ResourceConfig};
use super::refusal::Refusal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sriovd_core::policy::Origin;
use sriovd_core::policy::check::{Read, check};
use sriovd_core::policy::draft::Draft;
use sriovd_core::policy::reader::{Fault, KeyPath, all_with_whole_numbers};
use std::path::PathBuf;

/// A document that holds one of both.
#[derive(Debug, Default, Serialize)]
struct Document {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    policy: Vec<Policy>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    network: Vec<Network>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Policy {
    name: String,
    resource: String,
    num_vfs: u32,
    #[serde(default, skip_serializing_if = "is_zero")]
    mtu: u32,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    device_type: String,
    #[serde(default, skip_serializing_if = "is_false")]
    need_vhost_net: bool,
    r#match: Match,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Match {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    vendor: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    driver: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pci_address: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pf_name: Vec<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Network {
    name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    resource: String,
    /// JSON as text, as it was posted.
    config: String,
}

/// A selector that selects nothing in particular means every NIC.
const EVERY: &str = "*";

pub(super) fn resource_to_item(config: &ResourceConfig) -> Result<Value, Refusal> {
    let selector = config.nic_selector.clone().unwrap_or_default();
    let NicSelector {
        vendors,
        drivers,
        devices,
        pf_names,
    } = selector;
    // There they are names, here they could be patterns.
    let is_pattern = |name: &&String| name.contains(['*', '?', '[', '#', '\\']);
    if let Some(name) = pf_names.iter().find(is_pattern) {
        let message = format!("pfNames: {name:?} is not the name of a network interface");
        return Err(Refusal::invalid(message));
    }
    let is_open = [&vendors, &drivers, &devices, &pf_names]
        .iter()
        .all(|list| list.is_empty());
    let policy = Policy {
        name: config.name.clone(),
        resource: config.name.clone(),
        num_vfs: config.num_vfs,
        mtu: config.mtu,
        device_type: config.device_type.clone(),
        need_vhost_net: config.need_vhost_net,
        r#match: Match {
            vendor: vendors,
            driver: drivers,
            pci_address: devices,
            pf_name: match is_open {
                true => vec![EVERY.to_owned()],
                false => pf_names,
            },
        },
    };
    let item = json!(policy);
    checked(&Document {
        policy: vec![policy],
        ..Document::default()
    })?;
    Ok(item)
}

/// None for a policy that was not posted.
pub(super) fn resource_of(item: &Value) -> Option<ResourceConfig> {
    let policy = Policy::deserialize(item).ok()?;
    let pf_names = policy.r#match.pf_name;
    Some(ResourceConfig {
        name: policy.resource,
        mtu: policy.mtu,
        num_vfs: policy.num_vfs,
        need_vhost_net: policy.need_vhost_net,
        nic_selector: Some(NicSelector {
            vendors: policy.r#match.vendor,
            drivers: policy.r#match.driver,
            devices: policy.r#match.pci_address,
            pf_names: if pf_names == [EVERY] {
                Vec::new()
            } else {
                pf_names
            },
        }),
        device_type: policy.device_type,
    })
}

pub(super) fn attachment_to_item(attachment: &Attachment) -> Result<Value, Refusal> {
    let config = attachment.config.clone().unwrap_or_default();
    let config = Value::Object(all_with_whole_numbers(config)).to_string();
    let network = Network {
        name: attachment.name.clone(),
        resource: attachment.resource_name.clone(),
        config,
    };
    let item = json!(network);
    checked(&Document {
        network: vec![network],
        ..Document::default()
    })?;
    Ok(item)
}

/// None for a network that was not posted.
pub(super) fn attachment_of(item: &Value) -> Option<Attachment> {
    let network = Network::deserialize(item).ok()?;
    let config = serde_json::from_str(&network.config).ok()?;
    Some(Attachment {
        name: network.name,
        resource_name: network.resource,
        // As an earlier version wrote them.
        config: Some(all_with_whole_numbers(config)),
    })
}

/// Held to what holds for every policy file.
fn checked(document: &Document) -> Result<(), Refusal> {
    let invalid = |faults: Vec<Fault>| {
        let errors = faults.iter().filter(|fault| fault.is_error());
        let sentences: Vec<String> = errors.map(Fault::to_string).collect();
        Refusal::invalid(sentences.join("; "))
    };
    let given = json!(document);
    let read =
        Read::<Draft>::deserialize(given).map_err(|error| Refusal::invalid(error.to_string()))?;
    let nowhere = |_: &KeyPath| Origin::File {
        file: PathBuf::new(),
        line: 0,
    };
    check(read, nowhere).map_err(invalid)?;
    Ok(())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_false(value: &bool) -> bool {
    !value
}
