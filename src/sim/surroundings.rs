//! The parts of the system around the PFs.

use sriovd_core::model::{DriverName, MacAddress};
use std::collections::BTreeSet;

/// What the kernel hands out, each only once.
#[derive(Debug, Clone, Default)]
pub(super) struct Supply {
    pub(super) interfaces: u32,
    macs: u32,
}

impl Supply {
    pub(super) fn interface(&mut self) -> u32 {
        self.interfaces += 1;
        self.interfaces
    }

    pub(super) fn random_mac(&mut self) -> MacAddress {
        self.macs += 1;
        let [a, b, c, d] = self.macs.to_be_bytes();
        MacAddress([0x02, 0xff, a, b, c, d])
    }
}

/// The parts of the system around the PFs.
#[derive(Debug, Clone, Default)]
pub(super) struct Surroundings {
    pub(super) supply: Supply,
    /// Drivers whose module is not installed.
    pub(super) missing_drivers: BTreeSet<DriverName>,
    /// Drivers whose module udev has still to load.
    pub(super) late_drivers: BTreeSet<DriverName>,
}

impl Surroundings {
    pub(super) fn has(&self, driver: &DriverName) -> bool {
        !self.missing_drivers.contains(driver) && !self.late_drivers.contains(driver)
    }
}
