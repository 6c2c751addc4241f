//! The attributes of VFs: one table, walked by all who read, set, tell, compare and imagine them.
//!
//! An attribute that is on or off needs nothing but its row here and, in the simulator, the drivers
//! that have it. One with a value of another kind needs that kind, too: what its keys take (`key`), how its value is
//! made of theirs (`parts`), and how the kernel reads and writes it.

mod key;
mod parts;

use super::{LinkState, MacAddress, TxRate, Vlan, VlanProto};
pub use key::{KeyFacts, KeyType, KeyValue, NetworkKeys, Shape};
pub use parts::{Contradiction, KeyValues};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What is known of one attribute, whatever its value.
#[derive(Debug, Clone, Copy)]
pub struct AttributeFacts {
    /// The attribute.
    pub attribute: VfAttribute,
    /// Its name in JSON and in messages.
    pub name: &'static str,
    /// What it means: in schemas, and in `docs/policy.md` where its key means nothing else.
    pub meaning: &'static str,
    /// What values it takes.
    pub kind: Kind,
    /// The attribute of `IFLA_VF_INFO` that sets it and tells of it (include/uapi/linux/if_link.h).
    pub netlink: u16,
    /// What a VF that was just made has.
    pub initial: Initial,
    /// Its key in policies.
    pub key: KeyFacts,
    /// The keys of further parts of its value.
    pub parts: &'static [KeyFacts],
}

/// What values an attribute takes, each with what makes a setting of one.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// On or off.
    Switch(fn(bool) -> VfSetting),
    /// An address.
    Mac(fn(MacAddress) -> VfSetting),
    /// A tag.
    Vlan(fn(Vlan) -> VfSetting),
    /// A minimum and a maximum rate.
    TxRate(fn(TxRate) -> VfSetting),
    /// What the link follows.
    LinkState(fn(LinkState) -> VfSetting),
}

/// The value of a setting, without what it is a value of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// On or off.
    Switch(bool),
    /// An address.
    Mac(MacAddress),
    /// A tag.
    Vlan(Vlan),
    /// A minimum and a maximum rate.
    TxRate(TxRate),
    /// What the link follows.
    LinkState(LinkState),
}

/// What a VF has that nobody configured.
#[derive(Debug, Clone, Copy)]
pub enum Initial {
    /// With every driver.
    Always(VfSetting),
    /// With most drivers.
    Mostly(VfSetting),
}

impl Initial {
    /// The value, which some drivers may not begin with.
    pub fn likely(self) -> VfSetting {
        let (Self::Always(setting) | Self::Mostly(setting)) = self;
        setting
    }
}

/// Makes the types of the table: what an attribute is, one with a value, and a set of them.
macro_rules! attributes {
    ($(
        #[doc = $meaning:literal]
        $attribute:ident($name:ident: $type:ty) { $($fact:ident: $value:expr,)* }
    )*) => {
        /// Which attribute of a VF, in the order in which they are set.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema, Serialize,
            Deserialize,
        )]
        #[serde(rename_all = "snake_case")]
        pub enum VfAttribute {
            $(#[doc = $meaning] $attribute,)*
        }

        impl VfAttribute {
            /// Every attribute, in the order in which they are set.
            pub const ALL: [Self; [$(Self::$attribute),*].len()] = [$(Self::$attribute),*];

            /// Its row of the table.
            pub fn facts(self) -> &'static AttributeFacts {
                match self {
                    $(Self::$attribute => const {
                        &AttributeFacts {
                            attribute: Self::$attribute,
                            name: stringify!($name),
                            meaning: $meaning.trim_ascii_start(),
                            $($fact: $value,)*
                        }
                    },)*
                }
            }
        }

        /// One attribute with its value: one netlink message.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema, Serialize,
            Deserialize,
        )]
        #[serde(rename_all = "snake_case")]
        pub enum VfSetting {
            $(#[doc = $meaning] $attribute($type),)*
        }

        impl VfSetting {
            /// The attribute, without the value.
            pub fn attribute(&self) -> VfAttribute {
                match self {
                    $(Self::$attribute(_) => VfAttribute::$attribute,)*
                }
            }

            /// The value, without the attribute.
            pub fn value(self) -> Value {
                match self {
                    $(Self::$attribute(value) => value.into(),)*
                }
            }
        }

        /// A set of attributes. As a wish `None` means "leave alone", as an observation "not reported".
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, JsonSchema, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct VfSettings {
            $(
                #[doc = $meaning]
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub $name: Option<$type>,
            )*
        }

        impl VfSettings {
            /// The value of one attribute; `None` where it is not given.
            pub fn get(&self, attribute: VfAttribute) -> Option<VfSetting> {
                match attribute {
                    $(VfAttribute::$attribute => self.$name.map(VfSetting::$attribute),)*
                }
            }

            /// Gives one attribute this value.
            pub fn set(&mut self, setting: VfSetting) {
                match setting {
                    $(VfSetting::$attribute(value) => self.$name = Some(value),)*
                }
            }
        }
    };
}

// Trust first because on some drivers (ice) it resets the VF, MAC before spoof checking because
// Intel's want it so.
attributes! {
    /// The VF may change its address and receive traffic for others
    Trust(trust: bool) {
        kind: Kind::Switch(VfSetting::Trust),
        netlink: 9,
        initial: Initial::Always(VfSetting::Trust(false)),
        key: KeyFacts::of_policies("trust", "trust", KeyType::Switch).and_networks("trust", Some("trust")),
        parts: &[],
    }
    /// The VF's address, which its next driver finds; all zeros is none
    Mac(mac: MacAddress) {
        kind: Kind::Mac(VfSetting::Mac),
        netlink: 1,
        initial: Initial::Always(VfSetting::Mac(MacAddress::ZERO)),
        key: KeyFacts::of_policies("mac", "mac", KeyType::Mac).and_networks("mac", None),
        parts: &[],
    }
    /// The tag that the NIC adds to what the VF sends, and removes from what it receives; id 0 is none
    Vlan(vlan: Vlan) {
        kind: Kind::Vlan(VfSetting::Vlan),
        netlink: 12,
        initial: Initial::Always(VfSetting::Vlan(Vlan::NONE)),
        key: KeyFacts::of_policies("vlan", "vlan", KeyType::VlanId)
                .meaning("The NIC adds this tag to what the VF sends, and removes it from what it receives")
                .and_networks("vlan", Some("vlan")),
        parts: &[
            KeyFacts::of_policies("vlan_qos", "qos", KeyType::VlanQos)
                .meaning("The priority in that tag")
                .and_networks("vlanQoS", Some("vlanQoS")),
            KeyFacts::of_policies("vlan_proto", "proto", KeyType::VlanProto)
                .meaning("The type of that tag")
                .and_networks("vlanProto", Some("vlanProto")),
        ],
    }
    /// The NIC drops what the VF sends with another address than its own
    SpoofCheck(spoof_check: bool) {
        kind: Kind::Switch(VfSetting::SpoofCheck),
        netlink: 4,
        initial: Initial::Mostly(VfSetting::SpoofCheck(true)),
        key: KeyFacts::of_policies("spoof_check", "spoofchk", KeyType::Switch).and_networks("spoofchk", Some("spoofChk")),
        parts: &[],
    }
    /// What the VF may always send and what it may send at most, in Mbit/s, set together; 0 is no limit
    TxRate(tx_rate: TxRate) {
        kind: Kind::TxRate(VfSetting::TxRate),
        netlink: 6,
        initial: Initial::Always(VfSetting::TxRate(TxRate { min: 0, max: 0 })),
        key: KeyFacts::of_policies("min_tx_rate", "min_tx_rate", KeyType::Rate)
                .meaning("What the VF may always send")
                .and_networks("min_tx_rate", Some("minTxRate")),
        parts: &[
            KeyFacts::of_policies("max_tx_rate", "max_tx_rate", KeyType::Rate)
                .meaning("What the VF may send at most")
                .and_networks("max_tx_rate", Some("maxTxRate")),
        ],
    }
    /// The VF's link follows the PF's, is always up, or always down
    LinkState(link_state: LinkState) {
        kind: Kind::LinkState(VfSetting::LinkState),
        netlink: 5,
        initial: Initial::Always(VfSetting::LinkState(LinkState::Auto)),
        key: KeyFacts::of_policies("link_state", "state", KeyType::LinkState).and_networks("link_state", Some("linkState")),
        parts: &[],
    }
    /// The VF may read the RSS table and key of the PF
    QueryRss(query_rss: bool) {
        kind: Kind::Switch(VfSetting::QueryRss),
        netlink: 7,
        initial: Initial::Mostly(VfSetting::QueryRss(false)),
        key: KeyFacts::of_policies("query_rss", "query_rss", KeyType::Switch),
        parts: &[],
    }
}

impl AttributeFacts {
    /// The keys of all parts of its value.
    pub fn keys(&'static self) -> impl Iterator<Item = &'static KeyFacts> {
        std::iter::once(&self.key).chain(self.parts)
    }

    /// What one of its keys means.
    pub fn meaning_of(&self, key: &KeyFacts) -> &'static str {
        key.meaning.unwrap_or(self.meaning)
    }

    /// Of an attribute that is on or off: what makes a setting of it.
    pub fn switch(&self) -> Option<fn(bool) -> VfSetting> {
        match self.kind {
            Kind::Switch(make) => Some(make),
            Kind::Mac(_) | Kind::Vlan(_) | Kind::TxRate(_) | Kind::LinkState(_) => None,
        }
    }
}

impl VfAttribute {
    /// The keys of all attributes.
    pub fn keys() -> impl Iterator<Item = &'static KeyFacts> {
        let rows = Self::ALL.into_iter().map(Self::facts);
        rows.flat_map(AttributeFacts::keys)
    }

    /// The attributes that are on or off, each with what makes a setting of it.
    pub fn switches() -> impl Iterator<Item = (&'static AttributeFacts, fn(bool) -> VfSetting)> {
        let rows = Self::ALL.into_iter().map(Self::facts);
        rows.filter_map(|facts| Some((facts, facts.switch()?)))
    }

    /// What a VF has that nobody configured, where drivers agree on it.
    pub fn usual(self) -> Option<VfSetting> {
        match self.facts().initial {
            Initial::Always(setting) => Some(setting),
            Initial::Mostly(_) => None,
        }
    }
}

impl fmt::Display for VfAttribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.facts().name)
    }
}

/// What `ip` and the SR-IOV CNI plugin write for a switch.
pub fn on_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

/// Reads like the words after `ip link set PF vf N`.
impl fmt::Display for VfSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ip = self.attribute().facts().key.ip;
        match self.value() {
            Value::Switch(on) => write!(f, "{ip} {}", on_off(on)),
            Value::Mac(mac) => write!(f, "{ip} {mac}"),
            Value::Vlan(Vlan {
                id,
                qos: 0,
                proto: VlanProto::Dot1q,
            }) => write!(f, "{ip} {id}"),
            Value::Vlan(Vlan { id, qos, proto }) => write!(f, "{ip} {id} qos {qos} proto {proto}"),
            Value::TxRate(TxRate { min: 0, max }) => write!(f, "max_tx_rate {max}"),
            Value::TxRate(TxRate { min, max }) => write!(f, "min_tx_rate {min} max_tx_rate {max}"),
            Value::LinkState(state) => write!(f, "{ip} {state}"),
        }
    }
}

macro_rules! values {
    ($($type:ty => $kind:ident)*) => {
        $(impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::$kind(value)
            }
        })*
    };
}

values! {
    bool => Switch
    MacAddress => Mac
    Vlan => Vlan
    TxRate => TxRate
    LinkState => LinkState
}

impl VfSettings {
    /// Those that are given, in the order in which they are set.
    pub fn iter(&self) -> impl Iterator<Item = VfSetting> + '_ {
        VfAttribute::ALL
            .into_iter()
            .filter_map(|attribute| self.get(attribute))
    }

    /// What is given of them that networks can say, key by key, each with what others call it.
    pub fn in_networks(
        &self,
    ) -> impl Iterator<Item = (&'static KeyFacts, NetworkKeys, KeyValue)> + '_ {
        let values = self.iter().flat_map(VfSetting::by_key);
        values.filter_map(|(key, value)| Some((key, key.networks?, value)))
    }
}

#[cfg(test)]
mod tests;
