//! What an attachment has, in the words of each version of the protocol.

use super::error::{CniError, Code};
use crate::attach::Addressing;
use crate::host::netlink::Route;
use crate::model::{Allocation, MacAddress, Mtu};
use serde_json::{Map, Value, json};
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
        let none = Vec::new();
        let list = |key: &str| result[key].as_array().unwrap_or(&none).clone();
        let ips: Vec<_> = list("ips")
            .iter()
            .map(ip)
            .collect::<Option<_>>()
            .ok_or_else(odd)?;
        let routes = list("routes").into_iter().map(|route| match route {
            Value::Object(route) => Some(route),
            _ => None,
        });
        Ok(Self {
            ips,
            routes: routes.collect::<Option<_>>().ok_or_else(odd)?,
            dns: Some(result["dns"].clone()).filter(Value::is_object),
        })
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
            gateway,
            metric: metric.and_then(|metric| u32::try_from(metric).ok()),
        })
    }
}

fn odd() -> CniError {
    CniError::new(
        Code::Ipam,
        "the IPAM plugin's result has not the form of one",
    )
}

fn ip(value: &Value) -> Option<Ip> {
    let (address, prefix_length) = network(&value["address"])?;
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
    let borrower = &allocation.borrower;
    let mut interface = json!({
        "name": borrower.interface,
        "sandbox": borrower.namespace,
    });
    if let Some(mac) = mac {
        interface["mac"] = json!(mac);
    }
    if version == "1.1.0" {
        interface["pciID"] = json!(allocation.address);
        if let Some(mtu) = mtu {
            interface["mtu"] = json!(mtu);
        }
    }
    let ips: Vec<_> = given
        .ips
        .iter()
        .map(|ip| {
            let mut object = json!({
                "address": format!("{}/{}", ip.address, ip.prefix_length),
                "interface": 0,
            });
            if let Some(gateway) = ip.gateway {
                object["gateway"] = json!(gateway);
            }
            if matches!(version, "0.3.0" | "0.3.1" | "0.4.0") {
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
        "dns": given.dns.clone().unwrap_or_else(|| json!({})),
    });
    format!("{result}\n")
}

#[cfg(test)]
mod tests;
