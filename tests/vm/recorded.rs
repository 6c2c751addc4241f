//! What happened to a NIC on a real kernel, stage by stage: kept in `tests/fixtures/igb.json`, and held against both a guest and
//! the simulator, which go through the same.

#![allow(unreachable_pub, reason = "several crates share this")]

use serde::{Deserialize, Serialize};
use sriovd_core::model::PfSnapshot;
use std::collections::BTreeSet;
use std::path::PathBuf;

pub const PF: &str = "0000:01:00.0";

/// Plugged into a host that has no policies.
pub const PLUGGED: &str = "plugged";

/// Its VLAN on this VF is changed by hand.
pub const DRIFT: (u16, u16) = (2, 5);

/// A stage for each policy that is put in the place of the one before; then the drift, and it is unplugged.
pub const POLICIES: [(&str, &str); 4] = [
    ("named by a policy", WIDE),
    ("edited", EDITED),
    ("fewer VFs", NARROW),
    ("another driver", USER),
];
pub const DRIFTED: &str = "changed by hand";
pub const UNPLUGGED: &str = "unplugged";

const WIDE: &str = r#"
[[policy]]
name = "pool"
num_vfs = 7
trust = true
spoof_check = false
vlan = 100
mtu = 2000
mac = "stable"
match.vendor = "8086"
"#;

const EDITED: &str = r#"
[[policy]]
name = "pool"
num_vfs = 7
spoof_check = true
vlan = 200
mtu = 2000
mac = "stable"
match.vendor = "8086"
"#;

const NARROW: &str = r#"
[[policy]]
name = "pool"
num_vfs = 3
vlan = 200
mac = "stable"
match.vendor = "8086"
"#;

const USER: &str = r#"
[[policy]]
name = "pool"
num_vfs = 3
vlan = 200
mac = "stable"
device_type = "vfio-pci"
match.vendor = "8086"
"#;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    pub name: String,
    /// What made the agent look, in the order in which it came.
    pub triggers: Vec<String>,
    /// Every step that was done, once.
    pub steps: BTreeSet<String>,
    /// None: it is gone.
    pub pf: Option<PfSnapshot>,
}

impl Stage {
    /// What must be the same every time, and on every host: not the order of the triggers and of the steps, nor
    /// - the numbers that the kernel gives to interfaces and IOMMU groups,
    /// - the addresses that it makes up for VFs that were given none,
    /// - which of a VF's interfaces are up.
    pub fn essence(mut self) -> Self {
        self.triggers.clear();
        let Some(pf) = &mut self.pf else {
            return self;
        };
        // Not every look looks for them.
        pf.users = pf.users.take().filter(|users| !users.is_empty());
        pf.params = pf.params.take().filter(|params| !params.is_empty());
        if let Some(interface) = &mut pf.interface {
            interface.index = 0;
        }
        for vf in pf.vfs.values_mut() {
            vf.iommu_group = None;
            if let Some(interface) = &mut vf.interface {
                interface.index = 0;
                interface.up = false;
            }
        }
        self
    }
}

pub fn file() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/igb.json"))
}
