//! Whether a VF is what its policy wants it for.

use super::desired::DesiredVf;
use crate::model::{DriverName, VfAttribute, VfSnapshot};
use crate::policy::DeviceType;

/// What keeps a VF from being used for what it is meant for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Lack {
    /// No driver is bound.
    #[error("it has no driver")]
    Driver,
    /// A driver is bound that is not the one that is wanted.
    #[error("it has driver {is} instead of {wanted}")]
    OtherDriver {
        /// The one that is bound.
        is: DriverName,
        /// The one that the policy names.
        wanted: DriverName,
    },
    /// It is meant to have a network interface, and has a driver for user space.
    #[error("it has driver {0}, which makes no network interface")]
    Kernel(DriverName),
    /// Its driver has made no network interface.
    #[error("it has no network interface")]
    Interface,
}

impl DesiredVf {
    /// Whether a policy has a say in the attribute: what the VF has of it is not undone.
    pub fn asks_for(&self, attribute: VfAttribute) -> bool {
        let is_kept = self.lacks_mac && attribute == VfAttribute::Mac;
        is_kept || self.settings.get(attribute).is_some()
    }

    /// Whether a VF can be used for what it is meant for. Attributes may still differ from the
    /// policy: a driver that lacks one must not take the VF away from everybody.
    pub fn is_ready(&self, vf: &VfSnapshot) -> bool {
        self.lacks(vf).is_none()
    }

    /// Why a VF cannot be used for what it is meant for, where it cannot.
    pub fn lacks(&self, vf: &VfSnapshot) -> Option<Lack> {
        let Some(driver) = &vf.driver else {
            return Some(Lack::Driver);
        };
        // Allocated to a container it is out of sight, and still what it should be.
        let has_interface = vf.interface.is_some() || vf.interface_elsewhere;
        match &self.device_type {
            DeviceType::Driver(wanted) if driver == wanted => None,
            DeviceType::Driver(wanted) => Some(Lack::OtherDriver {
                is: driver.clone(),
                wanted: wanted.clone(),
            }),
            DeviceType::Any if driver.is_userspace() => None,
            DeviceType::Netdevice if driver.is_userspace() => Some(Lack::Kernel(driver.clone())),
            DeviceType::Netdevice | DeviceType::Any => (!has_interface).then_some(Lack::Interface),
        }
    }
}
