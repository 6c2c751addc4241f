//! What drivers lack, as they answered.

use crate::model::{
    DriverFacts, DriverName, EswitchMode, PfStep, Step, VfAttribute, VfSetting, VfStep, VlanProto,
};
use serde::{Deserialize, Serialize};

/// Something that a driver can or cannot do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// One attribute of VFs.
    Attribute(VfAttribute),
    /// A minimum rate, on top of `Attribute(TxRate)`.
    MinTxRate,
    /// VLANs of the service provider kind, on top of `Attribute(Vlan)`.
    Vlan8021ad,
    /// A mode of the NIC's own switch. Whether it is there does not hang on that mode.
    EswitchMode(EswitchMode),
}

impl Capability {
    /// What drivers lack that answer EINVAL to it, as to any bad value.
    pub fn is_known_missing(self, driver: &DriverName) -> bool {
        self == Self::MinTxRate && DriverFacts::of(driver.as_str()).lacks_min_rate
    }

    /// What a driver lacks that answers "not supported" to this step.
    pub fn needed_for(step: &Step) -> Option<Self> {
        match step {
            Step::Vf(_, VfStep::SetAttribute { setting, .. }) => Some(Self::needed_by(*setting)),
            Step::Pf(PfStep::SetEswitchMode { to, .. }) => Some(Self::EswitchMode(*to)),
            _ => None,
        }
    }

    /// What a driver lacks that answers "not supported" to this setting.
    pub fn needed_by(setting: VfSetting) -> Self {
        match setting {
            VfSetting::Vlan(vlan) if vlan.proto == VlanProto::Dot1ad => Self::Vlan8021ad,
            VfSetting::TxRate(rate) if rate.min != 0 => Self::MinTxRate,
            other => Self::Attribute(other.attribute()),
        }
    }
}
