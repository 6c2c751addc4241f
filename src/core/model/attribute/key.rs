//! The keys by which users say attributes: what each takes, and what it is called where.

use crate::model::{LinkState, MacAddress, Vlan, VlanProto};
use std::fmt;

/// A key by which users say an attribute or a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyFacts {
    /// In policies, in networks and among the options of podman's networks.
    pub key: &'static str,
    /// What `ip link set PF vf N` calls it.
    pub ip: &'static str,
    /// What it takes.
    pub takes: KeyType,
    /// What it means, where that is not what its attribute means.
    pub(super) meaning: Option<&'static str>,
    /// In networks. `None`: it cannot stand there, because the SR-IOV CNI plugin does not know it.
    pub networks: Option<NetworkKeys>,
}

/// What others call a key of networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetworkKeys {
    /// The configuration of the SR-IOV CNI plugin.
    pub cni: &'static str,
    /// The `SriovNetwork` of sriov-network-operator, if it knows it.
    pub operator: Option<&'static str>,
}

impl KeyFacts {
    pub(super) const fn of_policies(key: &'static str, ip: &'static str, takes: KeyType) -> Self {
        Self {
            key,
            ip,
            takes,
            meaning: None,
            networks: None,
        }
    }

    pub(super) const fn meaning(self, meaning: &'static str) -> Self {
        Self {
            meaning: Some(meaning),
            ..self
        }
    }

    pub(super) const fn and_networks(
        self,
        cni: &'static str,
        operator: Option<&'static str>,
    ) -> Self {
        Self {
            networks: Some(NetworkKeys { cni, operator }),
            ..self
        }
    }
}

/// What a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyType {
    /// On or off.
    Switch,
    /// The address of one interface.
    Mac,
    /// A VLAN, or 0.
    VlanId,
    /// The priority in a tag.
    VlanQos,
    /// The type of a tag.
    VlanProto,
    /// Mbit/s.
    Rate,
    /// What a link follows.
    LinkState,
}

/// How that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Each format has words of its own for on and off.
    Switch,
    /// Six bytes in hexadecimal digits.
    Mac,
    /// A whole number.
    Number {
        /// It begins at 0 and ends here.
        most: u32,
        /// Completes "not …".
        what: &'static str,
    },
    /// One of a few words.
    Word(&'static [&'static str]),
}

impl KeyType {
    /// How it is written, whatever the format.
    pub fn shape(self) -> Shape {
        let number = |most, what| Shape::Number { most, what };
        match self {
            Self::Switch => Shape::Switch,
            Self::Mac => Shape::Mac,
            Self::VlanId => number(Vlan::LAST_ID.into(), "a VLAN from 0 to 4094"),
            Self::VlanQos => number(Vlan::LAST_QOS.into(), "a priority from 0 to 7"),
            Self::VlanProto => Shape::Word(const { &words(VlanProto::WORDS) }),
            Self::Rate => number(u32::MAX, "a rate in Mbit/s"),
            Self::LinkState => Shape::Word(const { &words(LinkState::WORDS) }),
        }
    }
}

const fn words<T: Copy, const N: usize>(pairs: [(&'static str, T); N]) -> [&'static str; N] {
    let mut words = [""; N];
    let mut at = 0;
    while at < N {
        words[at] = pairs[at].0;
        at += 1;
    }
    words
}

/// The value of a key. As text it reads like the options of podman's networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyValue {
    /// On or off.
    Switch(bool),
    /// An address.
    Mac(MacAddress),
    /// A whole number.
    Number(u32),
    /// One of the words of the key.
    Word(&'static str),
}

impl fmt::Display for KeyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch(on) => on.fmt(f),
            Self::Mac(mac) => mac.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Word(word) => f.write_str(word),
        }
    }
}

macro_rules! key_values {
    ($($type:ty: $value:ident => $made:expr,)*) => {
        $(impl From<$type> for KeyValue {
            fn from($value: $type) -> Self {
                $made
            }
        })*
    };
}

key_values! {
    bool: on => Self::Switch(on),
    MacAddress: mac => Self::Mac(mac),
    u8: number => Self::Number(number.into()),
    u16: number => Self::Number(number.into()),
    u32: number => Self::Number(number),
    VlanProto: proto => Self::Word(proto.word()),
    LinkState: state => Self::Word(state.word()),
}
