//! What an attachment has, in the words of each version of the protocol.

use super::error::{CniError, Code};
use super::version::is_since;
use crate::attach::Addressing;
use serde_json::{Map, Value, json};
use sriovd_core::model::{Allocation, MacAddress, Mtu};
use sriovd_host::netlink::{Hop, Route};
use std::net::IpAddr;

/// What address management gave.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Given {
    ips: Vec<Ip>,
    /// As they came: a route may say more than we use.
    routes: Vec<Map<String, Value>>,
    dns: Option<Value>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Ip {
    address: IpAddr,
    prefix_length: u8,
    gateway: Option<IpAddr>,
}

impl Given {
    pub(super) fn read(result: &Value) -> Result<Self, CniError> {
        let read = match (&result["ip4"], &result["ip6"]) {
            (Value::Null, Value::Null) => Self::of_lists(result),
            families => Self::of_families(families.into(), result),
        };
        read.ok_or_else(odd)
    }

    fn of_lists(result: &Value) -> Option<Self> {
        Some(Self {
            ips: each(&result["ips"], |it| ip(it, "address"))?,
            routes: each(&result["routes"], |route| route.as_object().cloned())?,
            dns: dns(result),
        })
    }

    /// As versions before 0.3.0 have it: an address of each family at most, with its routes.
    fn of_families(families: [&Value; 2], result: &Value) -> Option<Self> {
        let mut given = Self {
            dns: dns(result),
            ..Self::default()
        };
        for family in families.into_iter().filter(|family| !family.is_null()) {
            given.ips.push(ip(family, "ip")?);
            let routes = each(&family["routes"], |route| route.as_object().cloned())?;
            given.routes.extend(routes);
        }
        Some(given)
    }

    pub(super) fn addressing(&self) -> Result<Addressing, CniError> {
        let routes = self.routes.iter().map(|route| self.route(route));
        Ok(Addressing {
            addresses: self
                .ips
                .iter()
                .map(|ip| (ip.address, ip.prefix_length))
                .collect(),
            routes: routes.collect::<Option<_>>().ok_or_else(odd)?,
        })
    }

    /// The first address of a family, with all its routes: there is no place for more before 0.3.0.
    fn family(&self, is_ipv4: bool) -> Option<Value> {
        let first = self.ips.iter().find(|ip| ip.address.is_ipv4() == is_ipv4)?;
        let mut family = first.object("ip");
        let routes = self.routes.iter().filter_map(|route| {
            let destination = route.get("dst")?;
            let (address, _) = network(destination)?;
            let mut known = json!({"dst": destination});
            if let Some(gateway) = route.get("gw") {
                known["gw"] = gateway.clone();
            }
            (address.is_ipv4() == is_ipv4).then_some(known)
        });
        let routes: Vec<_> = routes.collect();
        if !routes.is_empty() {
            family["routes"] = json!(routes);
        }
        Some(family)
    }

    fn route(&self, route: &Map<String, Value>) -> Option<Route> {
        let (destination, prefix_length) = network(route.get("dst")?)?;
        let gateway = match route.get("gw").filter(|gateway| !gateway.is_null()) {
            Some(gateway) => Some(gateway.as_str()?.parse().ok()?),
            // Without one the first that goes with an address of the same family.
            None => {
                let same = |it: &IpAddr| it.is_ipv4() == destination.is_ipv4();
                self.ips.iter().filter_map(|ip| ip.gateway).find(same)
            }
        };
        let metric = route.get("priority").and_then(Value::as_u64);
        Some(Route {
            destination,
            prefix_length,
            hop: gateway.map_or(Hop::Link, Hop::Gateway),
            metric: metric.and_then(|metric| u32::try_from(metric).ok()),
        })
    }
}

impl Ip {
    fn object(&self, key: &str) -> Value {
        let mut object = json!({key: format!("{}/{}", self.address, self.prefix_length)});
        if let Some(gateway) = self.gateway {
            object["gateway"] = json!(gateway);
        }
        object
    }
}

fn odd() -> CniError {
    CniError::new(
        Code::Ipam,
        "the IPAM plugin's result has not the form of one",
    )
}

/// Null is as good as an empty list.
fn each<T>(list: &Value, read: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    let list = list.as_array().into_iter().flatten();
    list.map(read).collect()
}

fn dns(result: &Value) -> Option<Value> {
    Some(result["dns"].clone()).filter(Value::is_object)
}

fn ip(value: &Value, key: &str) -> Option<Ip> {
    let (address, prefix_length) = network(&value[key])?;
    let gateway = value["gateway"].as_str().filter(|text| !text.is_empty());
    Some(Ip {
        address,
        prefix_length,
        gateway: gateway.map(str::parse).transpose().ok()?,
    })
}

pub(super) fn network(value: &Value) -> Option<(IpAddr, u8)> {
    let (address, prefix) = value.as_str()?.split_once('/')?;
    let (address, prefix): (IpAddr, u8) = (address.parse().ok()?, prefix.parse().ok()?);
    let most = if address.is_ipv4() { 32 } else { 128 };
    (prefix <= most).then_some((address, prefix))
}

/// The result of ADD. Without a netdev the interface is listed, too: multus has one network status
/// for each, and none without.
pub(super) fn render(
    version: &str,
    allocation: &Allocation,
    mac: Option<MacAddress>,
    mtu: Option<Mtu>,
    given: &Given,
) -> String {
    let dns = given.dns.clone().unwrap_or_else(|| json!({}));
    if !is_since(version, "0.3.0") {
        let mut result = json!({"cniVersion": version, "dns": dns});
        for (key, is_ipv4) in [("ip4", true), ("ip6", false)] {
            if let Some(family) = given.family(is_ipv4) {
                result[key] = family;
            }
        }
        return format!("{result}\n");
    }
    let container = &allocation.container;
    let mut interface = json!({
        "name": container.interface,
        "sandbox": container.namespace,
    });
    if let Some(mac) = mac {
        interface["mac"] = json!(mac);
    }
    // No version before 1.1.0 names it, and readers of each take or leave it.
    if let Some(mtu) = mtu {
        interface["mtu"] = json!(mtu);
    }
    if is_since(version, "1.1.0") {
        interface["pciID"] = json!(allocation.address);
    }
    let ips: Vec<_> = given
        .ips
        .iter()
        .map(|ip| {
            let mut object = ip.object("address");
            object["interface"] = json!(0);
            if !is_since(version, "1.0.0") {
                object["version"] = json!(if ip.address.is_ipv4() { "4" } else { "6" });
            }
            object
        })
        .collect();
    let result = json!({
        "cniVersion": version,
        "interfaces": [interface],
        "ips": ips,
        "routes": given.routes,
        "dns": dns,
    });
    format!("{result}\n")
}

#[cfg(test)]
mod tests;
