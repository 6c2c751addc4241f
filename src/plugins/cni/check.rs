//! CHECK: whether a container still has what ADD gave it.

use super::error::{CniError, Code};
use super::keys::Keys;
use super::netconf::NetConf;
use super::plugin::Plugin;
use super::result::network;
use crate::attach;
use serde_json::Value;
use sriovd_core::model::MacAddress;
use std::net::IpAddr;

pub(super) fn check(plugin: &Plugin, conf: &NetConf) -> Result<String, CniError> {
    let before = Keys(&plugin.header.raw).get("prevResult");
    let before = before.filter(|before| before.is_object()).ok_or_else(|| {
        let message = "\"prevResult\" is missing: there is nothing to compare with";
        CniError::new(Code::InvalidConfig, message)
    })?;
    let (container, interface) = (plugin.call.container(), plugin.call.interface());
    let found = plugin.allocator.find(container, interface);
    let found = found.map_err(|error| CniError::attaching(&error))?;
    let allocated = match (found, &plugin.call.interface) {
        (None, Some(interface)) => {
            let namespace = plugin.call.namespace();
            let theirs = attach::find_theirs(&plugin.allocator, container, interface, namespace);
            theirs.map_err(|error| CniError::attaching(&error))?
        }
        (allocated, _) => allocated,
    };
    let allocation = allocated.ok_or_else(|| {
        let message = format!("container {container} has no VF as {interface}");
        CniError::new(Code::UnknownContainer, message)
    })?;
    if allocation.container.namespace != plugin.call.namespace() {
        return Err(differs(format!(
            "{interface} is in {}, not in {}",
            allocation.container.namespace.display(),
            plugin.call.namespace().display()
        )));
    }
    let seen = attach::inspect(&plugin.allocator, &allocation, &plugin.settings(conf));
    let seen = seen.map_err(|error| CniError::attaching(&error))?;
    if let Some(difference) = seen.differences.first() {
        return Err(differs(difference.clone()));
    }
    if let Some(link) = &seen.link {
        if link.name != interface {
            return Err(differs(format!("{interface} is called {}", link.name)));
        }
        if !link.up {
            return Err(differs(format!("{interface} is down")));
        }
        check_mac(before, interface, link.mac)?;
        check_addresses(before, &seen.addresses)?;
    }
    if let Some(ipam) = plugin.ipam()? {
        ipam.run("CHECK")?;
    }
    Ok(String::new())
}

fn check_mac(before: &Value, name: &str, is: Option<MacAddress>) -> Result<(), CniError> {
    let mut interfaces = before["interfaces"].as_array().into_iter().flatten();
    let was = interfaces.find(|it| it["name"] == name && it["sandbox"].is_string());
    let mac = was.and_then(|it| it["mac"].as_str()?.parse::<MacAddress>().ok());
    match mac {
        Some(mac) if is != Some(mac) => Err(differs(format!("{name} no longer has MAC {mac}"))),
        _ => Ok(()),
    }
}

fn check_addresses(before: &Value, has: &[IpAddr]) -> Result<(), CniError> {
    for ip in before["ips"].as_array().into_iter().flatten() {
        if let Some((address, _)) = network(&ip["address"])
            && ip["interface"]
                .as_u64()
                .is_none_or(|interface| interface == 0)
            && !has.contains(&address)
        {
            return Err(differs(format!("address {address} is gone")));
        }
    }
    Ok(())
}

fn differs(message: String) -> CniError {
    CniError::new(Code::Differs, message)
}
