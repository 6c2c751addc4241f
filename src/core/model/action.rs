//! A step as it is done: an action says everything, and `apply` decides nothing. When a failed one is tried again.

use super::{DriverName, PciAddress, Step};
use serde::{Deserialize, Serialize};

/// One step on one PF, with all that its execution depends on: it decides nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Action {
    /// The PF.
    pub pf: PciAddress,
    /// What is done.
    pub step: Step,
    /// Also to VFs in use, those included that were taken after they were looked at.
    #[serde(default)]
    pub though_in_use: bool,
    /// What binds the VF of a `Bind` step, as it was seen: if it is another by now, somebody else
    /// is at it. `None`: whatever it is.
    #[serde(default)]
    pub seen: Option<Binding>,
}

/// What a VF is bound to, and what is to be bound to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Binding {
    /// The driver that is bound to the VF.
    pub driver: Option<DriverName>,
    /// The only driver that may be bound to it.
    pub driver_override: Option<DriverName>,
}

/// When another try of a step that failed is worth it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persistence {
    /// Soon, as the kernel says: back off and try again. A failure once it lasts.
    Transient,
    /// When the agent has what it lacks: back off and try again. A failure from the first try on, because the device has
    /// no part in it.
    Shortage,
    /// Perhaps soon: some drivers give this answer while they are not ready. A failure after a few
    /// tries, and then as `UntilChange`.
    Doubtful,
    /// Not before something about the device, its driver or the policy changes.
    UntilChange,
    /// Never with this driver and kernel.
    Unsupported,
    /// Soon, and nothing is wrong: another program is at work there.
    Busy,
    /// Soon, and nothing is wrong: another part of the system is bringing it about.
    Coming,
    /// When a service answers. It may start only after the agent has, so that the agent's start does not wait for it. A
    /// failure once it lasts.
    Service,
}

impl Persistence {
    /// Whether another try after a while may succeed though nothing is seen to change, after so
    /// many tries that did not.
    pub fn is_passing(self, tries: u8) -> bool {
        match self {
            Self::Transient | Self::Shortage | Self::Busy | Self::Coming | Self::Service => true,
            Self::Doubtful => tries < TRIES_IN_DOUBT,
            Self::UntilChange | Self::Unsupported => false,
        }
    }

    /// Whether so many tries that did not succeed are no failure yet.
    pub fn is_patient(self, tries: u8) -> bool {
        match self {
            Self::Busy | Self::Coming => true,
            Self::Transient | Self::Service => tries < TRIES_IN_DISTRESS,
            Self::Doubtful => tries < TRIES_IN_DOUBT,
            Self::Shortage | Self::UntilChange | Self::Unsupported => false,
        }
    }
}

/// With the back-off between them 1.5 seconds: a reset of i40e or ice takes 0.3 to 0.8.
const TRIES_IN_DOUBT: u8 = 5;
/// With the back-off between them 12.7 seconds.
const TRIES_IN_DISTRESS: u8 = 8;
