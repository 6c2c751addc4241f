//! What netavark sends and takes: the parts that matter here.

use super::options::Options;
use super::sentence::Sentence;
use crate::attach::Addressing;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sriovd_core::model::{Container, InterfaceName, MacAddress};
use sriovd_host::netlink::{Hop, Route};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::str::FromStr;

/// What is read at most; what podman sends has a few kilobytes.
pub const LONGEST: u64 = 1 << 20;

/// Newer versions may say more than is known here. What is not there may be null.
#[derive(Debug, Deserialize)]
pub(super) struct Network {
    pub(super) name: String,
    #[serde(default)]
    pub(super) internal: bool,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) subnets: Vec<Subnet>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) options: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "null_is_default")]
    routes: Vec<NetworkRoute>,
    #[serde(default, deserialize_with = "null_is_default")]
    ipam_options: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Subnet {
    subnet: Prefix,
    gateway: Option<IpAddr>,
}

#[derive(Debug, Deserialize)]
struct NetworkRoute {
    destination: Prefix,
    gateway: Option<IpAddr>,
    metric: Option<u32>,
    /// As of netavark 2. What is not there is unicast.
    route_type: Option<String>,
}

impl NetworkRoute {
    fn hop(&self) -> Result<Hop, Sentence> {
        let Prefix { address, length } = self.destination;
        let wrong = |what: &str| Err(Sentence(format!("route to {address}/{length}: {what}")));
        let kind = self.route_type.as_deref().unwrap_or_default();
        let to_nowhere = match kind {
            "" | "unicast" => None,
            "blackhole" => Some(Hop::Blackhole),
            "unreachable" => Some(Hop::Unreachable),
            "prohibit" => Some(Hop::Prohibit),
            other => {
                return wrong(&format!(
                    "route_type {other:?} is not one of unicast, blackhole, unreachable, prohibit"
                ));
            }
        };
        match (to_nowhere, self.gateway) {
            (Some(hop), None) => Ok(hop),
            (Some(_), Some(_)) => wrong(&format!("one of type {kind} has no gateway")),
            (None, None) => wrong("it has no gateway"),
            (None, Some(gateway)) if gateway.is_ipv4() != address.is_ipv4() => {
                wrong(&format!("gateway {gateway} is of the other IP version"))
            }
            (None, Some(gateway)) => Ok(Hop::Gateway(gateway)),
        }
    }

    fn read(&self, metric: Option<u32>) -> Result<Route, Sentence> {
        Ok(Route {
            destination: self.destination.address,
            prefix_length: self.destination.length,
            hop: self.hop()?,
            metric: self.metric.or(metric),
        })
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Setup {
    pub(super) container_id: String,
    #[serde(default)]
    container_name: String,
    pub(super) network: Network,
    pub(super) network_options: PerContainer,
}

/// What was said with `--network NAME:…`.
#[derive(Debug, Deserialize)]
pub(super) struct PerContainer {
    interface_name: String,
    #[serde(default, deserialize_with = "null_is_default")]
    static_ips: Vec<IpAddr>,
    static_mac: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) options: BTreeMap<String, String>,
}

fn null_is_default<'de, D: serde::Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A network's address with its prefix length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Prefix {
    address: IpAddr,
    length: u8,
}

impl FromStr for Prefix {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (address, length) = text.split_once('/')?;
            let (address, length) = (address.parse().ok()?, length.parse().ok()?);
            let most = if IpAddr::is_ipv4(&address) { 32 } else { 128 };
            (length <= most).then_some(Self { address, length })
        };
        parse().ok_or_else(|| format!("{text:?} is not a network such as 10.56.217.0/24"))
    }
}

impl<'de> Deserialize<'de> for Prefix {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Prefix {
    fn contains(&self, address: IpAddr) -> bool {
        let shift = |most: u32| most - u32::from(self.length);
        match (self.address, address) {
            (IpAddr::V4(net), IpAddr::V4(it)) => {
                let differ = u32::from(net) ^ u32::from(it);
                differ.checked_shr(shift(32)).unwrap_or(0) == 0
            }
            (IpAddr::V6(net), IpAddr::V6(it)) => {
                let differ = u128::from(net) ^ u128::from(it);
                differ.checked_shr(shift(128)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

/// The value as it is, and what is understood of it.
pub(super) fn read<T: DeserializeOwned>(input: &[u8]) -> Result<(Value, T), Sentence> {
    if u64::try_from(input.len()).is_ok_and(|length| length > LONGEST) {
        return Err(format!("the input is longer than {LONGEST} bytes").into());
    }
    let cannot = |error| Sentence(format!("cannot read the input: {error}"));
    let value: Value = serde_json::from_slice(input).map_err(cannot)?;
    let parsed = T::deserialize(&value).map_err(cannot)?;
    Ok((value, parsed))
}

impl Network {
    pub(super) fn ipam_driver(&self) -> Option<&str> {
        let driver = self.ipam_options.get("driver").map(String::as_str);
        driver.filter(|driver| !driver.is_empty())
    }

    pub(super) fn check_addressing(&self, options: &Options) -> Result<(), Sentence> {
        match self.ipam_driver() {
            None | Some("host-local" | "none") => {}
            Some(other) => {
                return Err(Sentence(format!(
                    "network {}: IPAM driver {other:?} is not host-local or none",
                    self.name
                )));
            }
        }
        self.routes(options).map(drop)
    }

    fn routes(&self, options: &Options) -> Result<Vec<Route>, Sentence> {
        let routes = self.routes.iter().map(|route| route.read(options.metric));
        let routes: Result<Vec<_>, _> = routes.collect();
        routes.map_err(|error| Sentence(format!("network {}: {error}", self.name)))
    }

    fn subnet_of(&self, address: IpAddr) -> Option<&Subnet> {
        let mut subnets = self.subnets.iter();
        subnets.find(|subnet| subnet.subnet.contains(address))
    }
}

impl Setup {
    pub(super) fn interface(&self) -> Result<InterfaceName, Sentence> {
        let name = self.network_options.interface_name.parse();
        name.map_err(|error| Sentence(format!("interface_name: {error}")))
    }

    pub(super) fn static_mac(&self) -> Result<Option<MacAddress>, Sentence> {
        let text = self.network_options.static_mac.as_deref();
        let text = text.filter(|text| !text.is_empty());
        let mac = text.map(str::parse).transpose();
        mac.map_err(|error| Sentence(format!("mac: {error}")))
    }

    /// Without its namespace.
    pub(super) fn container(&self) -> Result<Container, Sentence> {
        if self.container_id.is_empty() {
            return Err("container_id is empty".to_owned().into());
        }
        Ok(Container {
            id: self.container_id.clone(),
            name: Some(self.container_name.clone()).filter(|name| !name.is_empty()),
            network: self.network.name.clone(),
            namespace: Default::default(),
            interface: self.interface()?,
        })
    }

    /// What podman chose, and the routes that go with it.
    pub(super) fn addressing(&self, options: &Options) -> Result<Addressing, Sentence> {
        let mut addressing = Addressing::default();
        for &address in &self.network_options.static_ips {
            let subnet = self.network.subnet_of(address).ok_or_else(|| {
                let network = &self.network.name;
                Sentence(format!(
                    "address {address} is in no subnet of network {network}"
                ))
            })?;
            addressing.addresses.push((address, subnet.subnet.length));
            let is_default = !self.network.internal && !options.no_default_route;
            if let Some(gateway) = subnet.gateway.filter(|_| is_default) {
                addressing.routes.push(Route {
                    destination: match gateway {
                        IpAddr::V4(_) => IpAddr::from([0; 4]),
                        IpAddr::V6(_) => IpAddr::from([0; 16]),
                    },
                    prefix_length: 0,
                    hop: Hop::Gateway(gateway),
                    metric: options.metric,
                });
            }
        }
        addressing.routes.extend(self.network.routes(options)?);
        Ok(addressing)
    }
}

/// What `podman inspect` shows.
pub(super) fn status(setup: &Setup, container: &Container, mac: MacAddress) -> Value {
    let subnets: Vec<_> = setup
        .network_options
        .static_ips
        .iter()
        .map(|&address| {
            let subnet = setup.network.subnet_of(address);
            let length = subnet.map_or(128, |subnet| subnet.subnet.length);
            json!({
                "ipnet": format!("{address}/{length}"),
                "gateway": subnet.and_then(|subnet| subnet.gateway),
            })
        })
        .collect();
    json!({
        "dns_search_domains": [],
        "dns_server_ips": [],
        "interfaces": {
            container.interface.as_str(): {"mac_address": mac, "subnets": subnets},
        },
    })
}
