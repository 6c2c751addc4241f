//! Bridges of Open vSwitch: what its database says of them, and one change to it as a value.

pub mod database;
mod near;
pub mod transaction;

use super::{InterfaceName, PciAddress};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Columns of the type map.
pub type Entries = BTreeMap<String, String>;

/// What the database of Open vSwitch says, as far as it concerns one PF.
#[derive(Debug, Clone, PartialEq, Eq, Default, JsonSchema, Serialize, Deserialize)]
pub struct OpenVswitch {
    /// Why nothing is known of it. Then the rest is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent: Option<String>,
    /// `other_config:hw-offload`
    #[serde(default)]
    pub hw_offload: bool,
    /// All bridges by their names. Of those that were not made for this PF only the ports that are its interfaces.
    #[serde(default)]
    pub bridges: BTreeMap<String, Bridge>,
}

/// A bridge as the database has it.
#[derive(Debug, Clone, PartialEq, Eq, Default, JsonSchema, Serialize, Deserialize)]
pub struct Bridge {
    /// The PF for which sriovd made it; `None`: another program made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_for: Option<PciAddress>,
    /// Its columns.
    #[serde(default)]
    pub keys: BridgeKeys,
    /// Its ports by the names of their interfaces, but the one of the bridge itself.
    #[serde(default)]
    pub ports: BTreeMap<String, BridgePort>,
}

/// A port of a bridge as the database has it.
#[derive(Debug, Clone, PartialEq, Eq, Default, JsonSchema, Serialize, Deserialize)]
pub struct BridgePort {
    /// The PF for which sriovd made it; `None`: another program made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_for: Option<PciAddress>,
    /// The columns of its interface.
    #[serde(default)]
    pub keys: PortKeys,
    /// ovs-vswitchd has taken it up.
    #[serde(default)]
    pub is_up_to_date: bool,
    /// What ovs-vswitchd says of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Columns of the table Bridge. What is not set is not compared and not changed.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, JsonSchema, Serialize, Deserialize,
)]
#[serde(default, deny_unknown_fields)]
pub struct BridgeKeys {
    /// `datapath_type`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datapath_type: Option<String>,
    /// `fail_mode`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail_mode: Option<FailMode>,
    /// `external_ids`
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub external_ids: Entries,
    /// `other_config`
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub other_config: Entries,
}

/// Columns of the table Interface. What is not set is not compared and not changed.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, JsonSchema, Serialize, Deserialize,
)]
#[serde(default, deny_unknown_fields)]
pub struct PortKeys {
    /// `type`
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// `mtu_request`, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtu_request: Option<u32>,
    /// `options`
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub options: Entries,
    /// `external_ids`
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub external_ids: Entries,
    /// `other_config`
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub other_config: Entries,
}

/// What a bridge does with frames while it has no controller.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum FailMode {
    /// It learns addresses and forwards, as a switch does.
    Standalone,
    /// It forwards by the flows that it has.
    Secure,
}

impl FailMode {
    /// The words for them in the database and in policies.
    pub const WORDS: [(&'static str, Self); 2] =
        [("standalone", Self::Standalone), ("secure", Self::Secure)];
}

/// What is done to one bridge, in one transaction. A bridge that is not made was made by sriovd for this PF.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema, Serialize, Deserialize,
)]
#[serde(deny_unknown_fields)]
pub struct BridgeChange {
    /// Its name.
    pub name: InterfaceName,
    /// There is none yet.
    #[serde(default, skip_serializing_if = "is_false")]
    pub make: bool,
    /// The columns that it gets.
    #[serde(default)]
    pub keys: BridgeKeys,
    /// Ports that it gets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub add: BTreeMap<InterfaceName, PortKeys>,
    /// Columns that ports get which it has.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<InterfaceName, PortKeys>,
    /// Ports that it loses; sriovd made them for this PF.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub remove: BTreeSet<String>,
    /// `other_config:hw-offload` of Open vSwitch is set.
    #[serde(default, skip_serializing_if = "is_false")]
    pub hw_offload: bool,
}

impl OpenVswitch {
    /// Of a database that does not answer.
    pub fn silent(why: String) -> Self {
        Self {
            silent: Some(why),
            ..Self::default()
        }
    }

    /// The bridges that were made for a PF.
    pub fn made_for(&self, pf: PciAddress) -> impl Iterator<Item = (&String, &Bridge)> {
        let mut bridges = self.bridges.iter();
        std::iter::from_fn(move || bridges.find(|(_, bridge)| bridge.made_for == Some(pf)))
    }

    /// The bridge that has this interface as a port.
    pub fn bridge_of(&self, interface: &str) -> Option<(&String, &Bridge)> {
        let mut bridges = self.bridges.iter();
        bridges.find(|(_, bridge)| bridge.ports.contains_key(interface))
    }
}

impl Bridge {
    /// Ports that another program made, or sriovd for another PF.
    pub fn ports_of_others(&self) -> impl Iterator<Item = &str> {
        let ports = self.ports.iter();
        let others =
            ports.filter(|(_, port)| port.made_for.is_none() || port.made_for != self.made_for);
        others.map(|(name, _)| name.as_str())
    }
}

/// The entries that are wanted and not so.
fn lacking(is: &Entries, wanted: &Entries) -> Entries {
    let differ = wanted
        .iter()
        .filter(|(key, value)| is.get(*key) != Some(value));
    differ
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

fn differing<T: Clone + PartialEq>(is: &Option<T>, wanted: &Option<T>) -> Option<T> {
    wanted.clone().filter(|_| is != wanted)
}

impl BridgeKeys {
    /// What is wanted and not so.
    pub fn lacking(&self, wanted: &Self) -> Self {
        Self {
            datapath_type: differing(&self.datapath_type, &wanted.datapath_type),
            fail_mode: differing(&self.fail_mode, &wanted.fail_mode),
            external_ids: lacking(&self.external_ids, &wanted.external_ids),
            other_config: lacking(&self.other_config, &wanted.other_config),
        }
    }

    /// What they become.
    pub fn take(&mut self, set: &Self) {
        let set = set.clone();
        self.datapath_type = set.datapath_type.or(self.datapath_type.take());
        self.fail_mode = set.fail_mode.or(self.fail_mode);
        self.external_ids.extend(set.external_ids);
        self.other_config.extend(set.other_config);
    }
}

impl PortKeys {
    /// What is wanted and not so.
    pub fn lacking(&self, wanted: &Self) -> Self {
        Self {
            kind: differing(&self.kind, &wanted.kind),
            mtu_request: differing(&self.mtu_request, &wanted.mtu_request),
            options: lacking(&self.options, &wanted.options),
            external_ids: lacking(&self.external_ids, &wanted.external_ids),
            other_config: lacking(&self.other_config, &wanted.other_config),
        }
    }

    /// What they become.
    pub fn take(&mut self, set: &Self) {
        let set = set.clone();
        self.kind = set.kind.or(self.kind.take());
        self.mtu_request = set.mtu_request.or(self.mtu_request);
        self.options.extend(set.options);
        self.external_ids.extend(set.external_ids);
        self.other_config.extend(set.other_config);
    }
}

impl BridgePort {
    /// What is not as it should be with it, as far as Open vSwitch tells.
    pub fn trouble(&self) -> Option<&str> {
        let late = (!self.is_up_to_date).then_some("not taken up yet");
        self.error.as_deref().or(late)
    }
}

impl BridgeChange {
    /// Nothing yet.
    pub fn of(name: InterfaceName) -> Self {
        Self {
            name,
            make: false,
            keys: BridgeKeys::default(),
            add: BTreeMap::new(),
            set: BTreeMap::new(),
            remove: BTreeSet::new(),
            hw_offload: false,
        }
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        *self == Self::of(self.name.clone())
    }
}

/// `bridge br0: made, hw-offload on, ports ens1f0np0 and ens1f0r0 added`
impl fmt::Display for BridgeChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if self.make {
            parts.push("made".to_owned());
        } else if self.keys != BridgeKeys::default() {
            parts.push("columns set".to_owned());
        }
        let ports = |names: Vec<&str>, done: &str| {
            let noun = if names.len() == 1 { "port" } else { "ports" };
            (!names.is_empty()).then(|| format!("{noun} {} {done}", names.join(", ")))
        };
        let names = |map: &BTreeMap<InterfaceName, PortKeys>| -> Vec<String> {
            map.keys().map(ToString::to_string).collect()
        };
        let (add, set) = (names(&self.add), names(&self.set));
        parts.extend(ports(add.iter().map(String::as_str).collect(), "added"));
        parts.extend(ports(set.iter().map(String::as_str).collect(), "changed"));
        parts.extend(ports(
            self.remove.iter().map(String::as_str).collect(),
            "removed",
        ));
        if self.hw_offload {
            parts.push("hw-offload on".to_owned());
        }
        write!(f, "bridge {}: {}", self.name, parts.join(", "))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it so")]
fn is_false(it: &bool) -> bool {
    !it
}

#[cfg(test)]
mod tests;
