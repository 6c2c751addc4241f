//! A network as podman knows it: a file for its driver `sriov`, which is our netavark plugin.

use super::text::{MANAGER, MANAGER_LABEL, pretty};
use crate::model::{NetworkName, ResourceName};
use crate::policy::Network;
use crate::policy::network::{Description, NetworkBody, PluginType};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use std::net::IpAddr;

/// Podman wants a time, and the same network shall always be the same text.
const CREATED: &str = "1970-01-01T00:00:00Z";

/// What podman cannot do. It gives out addresses itself, as `host-local` does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotForPodman {
    /// Another IPAM plugin than `host-local`.
    #[error("podman gives out addresses itself, as the IPAM plugin host-local does, not as {0:?}")]
    Ipam(String),
    /// A `subnet` without a prefix length, or no address.
    #[error("{0:?} in \"ipam\" is not a subnet")]
    Subnet(String),
    /// A route without a gateway, or whose destination is not a subnet.
    #[error("{0:?} in \"ipam\" is not a route that podman could add")]
    Route(String),
}

/// The name of a network's file in podman's directory.
pub fn file_name(network: &NetworkName) -> String {
    format!("{network}.json")
}

/// `None`: it is for CNI alone, because our plugin has nothing to do with it.
pub fn network(network: &Network) -> Option<Result<String, NotForPodman>> {
    let NetworkBody::Described(description) = &network.body else {
        return None;
    };
    let resource = network.resource.as_ref()?;
    (description.plugin == PluginType::Sriov)
        .then(|| described(&network.name, resource, description))
}

fn described(
    name: &NetworkName,
    resource: &ResourceName,
    description: &Description,
) -> Result<String, NotForPodman> {
    let addressing = Addressing::read(description.ipam.as_ref())?;
    let mut options = options(description);
    options.insert("pool".to_owned(), json!(resource));
    if !addressing.default_route && !addressing.subnets.is_empty() {
        // Podman takes a gateway for the default route, host-local only where a route says so.
        options.insert("no_default_route".to_owned(), json!("true"));
    }
    let digest = Sha256::digest(format!("sriovd network {name}"));
    let is_v6 = |subnet: &Value| subnet["subnet"].as_str().is_some_and(|it| it.contains(':'));
    let driver = if addressing.subnets.is_empty() {
        "none"
    } else {
        "host-local"
    };
    Ok(pretty(&json!({
        "name": name,
        "id": format!("{digest:x}"),
        "driver": "sriov",
        "created": CREATED,
        "ipv6_enabled": addressing.subnets.iter().any(is_v6),
        "internal": false,
        "dns_enabled": false,
        "subnets": addressing.subnets,
        "routes": addressing.routes,
        "labels": {MANAGER_LABEL: MANAGER},
        "options": options,
        "ipam_options": {"driver": driver},
    })))
}

fn options(description: &Description) -> Map<String, Value> {
    let attributes = description.settings.in_networks();
    let options =
        attributes.map(|(ours, _, value)| (ours.key.to_owned(), json!(value.to_string())));
    let mac = description.mac.map(|mac| ("mac".to_owned(), json!(mac)));
    options.chain(mac).collect()
}

#[derive(Default)]
struct Addressing {
    subnets: Vec<Value>,
    routes: Vec<Value>,
    default_route: bool,
}

impl Addressing {
    fn read(ipam: Option<&Map<String, Value>>) -> Result<Self, NotForPodman> {
        let Some(ipam) = ipam.filter(|ipam| !ipam.is_empty()) else {
            return Ok(Self::default());
        };
        let plugin = ipam.get("type").and_then(Value::as_str).unwrap_or_default();
        if plugin != "host-local" {
            return Err(NotForPodman::Ipam(plugin.to_owned()));
        }
        let mut addressing = Self::default();
        // Either one range on the top level, or sets of ranges, or both.
        if ipam.contains_key("subnet") {
            addressing.add_subnet(&Value::Object(ipam.clone()))?;
        }
        for set in items(ipam.get("ranges")) {
            for range in items(Some(set)) {
                addressing.add_subnet(range)?;
            }
        }
        for route in items(ipam.get("routes")) {
            addressing.add_route(route)?;
        }
        Ok(addressing)
    }

    fn add_subnet(&mut self, range: &Value) -> Result<(), NotForPodman> {
        let subnet = &range["subnet"];
        let parsed = parse(subnet).ok_or_else(|| NotForPodman::Subnet(text(subnet)))?;
        let mut entry = Map::from_iter([("subnet".to_owned(), subnet.clone())]);
        let gateway = range.get("gateway").cloned();
        entry.insert(
            "gateway".to_owned(),
            gateway.unwrap_or_else(|| json!(first(parsed))),
        );
        let (start, end) = (range.get("rangeStart"), range.get("rangeEnd"));
        if start.is_some() || end.is_some() {
            let mut lease = Map::new();
            lease.extend(start.map(|start| ("start_ip".to_owned(), start.clone())));
            lease.extend(end.map(|end| ("end_ip".to_owned(), end.clone())));
            entry.insert("lease_range".to_owned(), Value::Object(lease));
        }
        self.subnets.push(Value::Object(entry));
        Ok(())
    }

    fn add_route(&mut self, route: &Value) -> Result<(), NotForPodman> {
        let odd = || NotForPodman::Route(text(route));
        let (address, length) = parse(&route["dst"]).ok_or_else(odd)?;
        if length == 0 {
            self.default_route = true;
            return Ok(());
        }
        let same = |subnet: &&Value| {
            let gateway = subnet["gateway"].as_str().unwrap_or_default();
            gateway.contains(':') == address.is_ipv6()
        };
        let own = self
            .subnets
            .iter()
            .find(same)
            .map(|subnet| &subnet["gateway"]);
        let gateway = route.get("gw").or(own).ok_or_else(odd)?;
        self.routes
            .push(json!({"destination": route["dst"], "gateway": gateway}));
        Ok(())
    }
}

fn items(list: Option<&Value>) -> impl Iterator<Item = &Value> {
    list.and_then(Value::as_array).into_iter().flatten()
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn parse(subnet: &Value) -> Option<(IpAddr, u8)> {
    let (address, length) = subnet.as_str()?.split_once('/')?;
    let (address, length): (IpAddr, u8) = (address.parse().ok()?, length.parse().ok()?);
    let most = if address.is_ipv4() { 32 } else { 128 };
    (length <= most).then_some((address, length))
}

/// The gateway where none is named: the first address, as host-local has it.
fn first((address, length): (IpAddr, u8)) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            IpAddr::V4((u32::from(address) & mask | 1).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            IpAddr::V6((u128::from(address) & mask | 1).into())
        }
    }
}

#[cfg(test)]
mod tests;
