//! The values of a VF's attributes, and what its PF has counted for it.

use super::Malformed;
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

impl VlanProto {
    /// Each by its word, in policies and everywhere else.
    pub const WORDS: [(&'static str, Self); 2] = [
        (Self::Dot1q.word(), Self::Dot1q),
        (Self::Dot1ad.word(), Self::Dot1ad),
    ];

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Dot1q => "802.1q",
            Self::Dot1ad => "802.1ad",
        }
    }
}

impl fmt::Display for VlanProto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
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
    /// The greatest id: 4095 is reserved (IEEE 802.1Q).
    pub const LAST_ID: u16 = 4094;

    /// The greatest priority: it has three bits.
    pub const LAST_QOS: u8 = 7;

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

impl LinkState {
    /// Each by its word, in policies and everywhere else, in the order of the kernel's numbers (`IFLA_VF_LINK_STATE_*`).
    pub const WORDS: [(&'static str, Self); 3] = [
        (Self::Auto.word(), Self::Auto),
        (Self::Enable.word(), Self::Enable),
        (Self::Disable.word(), Self::Disable),
    ];

    /// By its number in the kernel.
    pub fn of_kernel(number: u32) -> Option<Self> {
        let place = Self::WORDS.get(usize::try_from(number).ok()?);
        place.map(|(_, state)| *state)
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Enable => "enable",
            Self::Disable => "disable",
        }
    }
}

impl fmt::Display for LinkState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
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
