//! What a VF can be told through its PF: the attributes of `ip link set PF vf N …`.

use super::{MacAddress, Malformed};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a PF has counted for one VF.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VfStatistics {
    /// Packets that the VF received.
    pub rx_packets: u64,
    /// Packets that the VF sent.
    pub tx_packets: u64,
    /// Bytes that the VF received.
    pub rx_bytes: u64,
    /// Bytes that the VF sent.
    pub tx_bytes: u64,
    /// Broadcast packets that the VF received.
    pub rx_broadcast: u64,
    /// Multicast packets that the VF received.
    pub rx_multicast: u64,
    /// Packets to the VF that the NIC dropped.
    pub rx_dropped: u64,
    /// Packets from the VF that the NIC dropped.
    pub tx_dropped: u64,
}

/// A maximum transmission unit. 68 is IPv4's minimum, 65535 what any driver could take.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema, Serialize, Deserialize,
)]
#[serde(try_from = "u32", into = "u32")]
#[schemars(with = "u32", extend("minimum" = 68, "maximum" = 65535))]
pub struct Mtu(u32);

impl Mtu {
    /// What Ethernet devices start with.
    pub const ETHERNET: Self = Self(1500);

    /// In bytes.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for Mtu {
    type Error = Malformed;
    fn try_from(value: u32) -> Result<Self, Malformed> {
        (68..=65535)
            .contains(&value)
            .then_some(Self(value))
            .ok_or_else(|| Malformed::new(&value.to_string(), "an MTU from 68 to 65535"))
    }
}

impl From<Mtu> for u32 {
    fn from(mtu: Mtu) -> u32 {
        mtu.0
    }
}

impl fmt::Display for Mtu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The ethertype of a VLAN tag.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    JsonSchema,
    Serialize,
    Deserialize,
    Default,
)]
pub enum VlanProto {
    /// 0x8100, a customer tag: what every driver takes.
    #[default]
    #[serde(rename = "802.1q")]
    Dot1q,
    /// 0x88a8, a service tag, for frames that carry a customer tag of their own.
    #[serde(rename = "802.1ad")]
    Dot1ad,
}

impl fmt::Display for VlanProto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dot1q => "802.1q",
            Self::Dot1ad => "802.1ad",
        })
    }
}

/// The tag that a PF adds to a VF's traffic; id 0 is none.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    JsonSchema,
    Serialize,
    Deserialize,
    Default,
)]
pub struct Vlan {
    /// 1 to 4094, or 0 for no tag.
    pub id: u16,
    /// The priority in the tag (PCP), 0 to 7.
    pub qos: u8,
    /// The ethertype of the tag.
    pub proto: VlanProto,
}

impl Vlan {
    /// No tag: `ip link set PF vf N vlan 0`.
    pub const NONE: Self = Self {
        id: 0,
        qos: 0,
        proto: VlanProto::Dot1q,
    };
}

/// What the VF's link follows (`IFLA_VF_LINK_STATE`).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum LinkState {
    /// The link of the PF.
    Auto,
    /// Always up: VFs of one PF reach each other without a link on the PF.
    Enable,
    /// Always down: the VF neither sends nor receives.
    Disable,
}

impl fmt::Display for LinkState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Enable => "enable",
            Self::Disable => "disable",
        })
    }
}

/// Transmit rates in Mbit/s, 0 for no limit. The kernel sets both at once (`IFLA_VF_RATE`).
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    JsonSchema,
    Serialize,
    Deserialize,
    Default,
)]
pub struct TxRate {
    /// The guaranteed rate (`min_tx_rate`). Many drivers have none.
    pub min: u32,
    /// The limit (`max_tx_rate`).
    pub max: u32,
}

/// Which attribute of a VF, in the order in which they are set: trust first because on some
/// drivers (ice) it resets the VF, MAC before spoof checking because Intel's want it so.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum VfAttribute {
    /// `IFLA_VF_TRUST`: the VF may change its address and receive what is not meant for it.
    Trust,
    /// `IFLA_VF_MAC`: the address that the VF's next driver finds.
    Mac,
    /// `IFLA_VF_VLAN_LIST`: the tag that the NIC adds and removes.
    Vlan,
    /// `IFLA_VF_SPOOFCHK`: the NIC drops frames with a sender address that is not the VF's.
    SpoofCheck,
    /// `IFLA_VF_RATE`: minimum and maximum together.
    TxRate,
    /// `IFLA_VF_LINK_STATE`: what the VF's link follows.
    LinkState,
    /// `IFLA_VF_RSS_QUERY_EN`: the VF may read the PF's RSS table and key.
    QueryRss,
}

impl VfAttribute {
    /// Every attribute, in the order in which they are set.
    pub const ALL: [Self; 7] = [
        Self::Trust,
        Self::Mac,
        Self::Vlan,
        Self::SpoofCheck,
        Self::TxRate,
        Self::LinkState,
        Self::QueryRss,
    ];

    /// What a VF has that nobody configured, where drivers agree on it.
    pub fn usual(self) -> Option<VfSetting> {
        match self {
            Self::Trust => Some(VfSetting::Trust(false)),
            Self::Mac => Some(VfSetting::Mac(MacAddress::ZERO)),
            Self::Vlan => Some(VfSetting::Vlan(Vlan::NONE)),
            Self::TxRate => Some(VfSetting::TxRate(TxRate::default())),
            Self::LinkState => Some(VfSetting::LinkState(LinkState::Auto)),
            Self::SpoofCheck | Self::QueryRss => None,
        }
    }
}

impl fmt::Display for VfAttribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trust => "trust",
            Self::Mac => "mac",
            Self::Vlan => "vlan",
            Self::SpoofCheck => "spoof_check",
            Self::TxRate => "tx_rate",
            Self::LinkState => "link_state",
            Self::QueryRss => "query_rss",
        })
    }
}

/// One attribute with its value: one netlink message.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum VfSetting {
    /// Whether the VF is trusted.
    Trust(bool),
    /// The VF's address; zero clears it.
    Mac(MacAddress),
    /// The VF's tag; id 0 clears it.
    Vlan(Vlan),
    /// Whether sender addresses are checked.
    SpoofCheck(bool),
    /// Both rates in Mbit/s.
    TxRate(TxRate),
    /// What the link follows.
    LinkState(LinkState),
    /// Whether the VF may read the RSS table and key.
    QueryRss(bool),
}

impl VfSetting {
    /// The attribute, without the value.
    pub fn attribute(&self) -> VfAttribute {
        match self {
            Self::Trust(_) => VfAttribute::Trust,
            Self::Mac(_) => VfAttribute::Mac,
            Self::Vlan(_) => VfAttribute::Vlan,
            Self::SpoofCheck(_) => VfAttribute::SpoofCheck,
            Self::TxRate(_) => VfAttribute::TxRate,
            Self::LinkState(_) => VfAttribute::LinkState,
            Self::QueryRss(_) => VfAttribute::QueryRss,
        }
    }
}

/// Reads like the words after `ip link set PF vf N`.
impl fmt::Display for VfSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on = |on: &bool| if *on { "on" } else { "off" };
        match self {
            Self::Trust(value) => write!(f, "trust {}", on(value)),
            Self::Mac(mac) => write!(f, "mac {mac}"),
            Self::Vlan(Vlan {
                id,
                qos: 0,
                proto: VlanProto::Dot1q,
            }) => write!(f, "vlan {id}"),
            Self::Vlan(Vlan { id, qos, proto }) => write!(f, "vlan {id} qos {qos} proto {proto}"),
            Self::SpoofCheck(value) => write!(f, "spoofchk {}", on(value)),
            Self::TxRate(TxRate { min: 0, max }) => write!(f, "max_tx_rate {max}"),
            Self::TxRate(TxRate { min, max }) => write!(f, "min_tx_rate {min} max_tx_rate {max}"),
            Self::LinkState(state) => write!(f, "state {state}"),
            Self::QueryRss(value) => write!(f, "query_rss {}", on(value)),
        }
    }
}

/// A set of attributes. As a wish `None` means "leave alone", as an observation "not reported".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VfSettings {
    /// Whether the VF may change its address and receive what is not meant for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<bool>,
    /// The VF's address; all zeros is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<MacAddress>,
    /// The tag that the NIC adds to what the VF sends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vlan: Option<Vlan>,
    /// Whether the NIC drops frames with a sender address that is not the VF's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spoof_check: Option<bool>,
    /// Rates in Mbit/s; 0 is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tx_rate: Option<TxRate>,
    /// What the VF's link follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link_state: Option<LinkState>,
    /// Whether the VF may read the PF's RSS table and key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_rss: Option<bool>,
}

impl VfSettings {
    /// The value of one attribute; `None` where it is not given.
    pub fn get(&self, attribute: VfAttribute) -> Option<VfSetting> {
        match attribute {
            VfAttribute::Trust => self.trust.map(VfSetting::Trust),
            VfAttribute::Mac => self.mac.map(VfSetting::Mac),
            VfAttribute::Vlan => self.vlan.map(VfSetting::Vlan),
            VfAttribute::SpoofCheck => self.spoof_check.map(VfSetting::SpoofCheck),
            VfAttribute::TxRate => self.tx_rate.map(VfSetting::TxRate),
            VfAttribute::LinkState => self.link_state.map(VfSetting::LinkState),
            VfAttribute::QueryRss => self.query_rss.map(VfSetting::QueryRss),
        }
    }

    /// Gives one attribute this value.
    pub fn set(&mut self, setting: VfSetting) {
        match setting {
            VfSetting::Trust(value) => self.trust = Some(value),
            VfSetting::Mac(value) => self.mac = Some(value),
            VfSetting::Vlan(value) => self.vlan = Some(value),
            VfSetting::SpoofCheck(value) => self.spoof_check = Some(value),
            VfSetting::TxRate(value) => self.tx_rate = Some(value),
            VfSetting::LinkState(value) => self.link_state = Some(value),
            VfSetting::QueryRss(value) => self.query_rss = Some(value),
        }
    }

    /// Those that are given, in the order in which they are set.
    pub fn iter(&self) -> impl Iterator<Item = VfSetting> + '_ {
        VfAttribute::ALL
            .into_iter()
            .filter_map(|attribute| self.get(attribute))
    }
}
