//! Worlds for tests.

use super::offer::{Known, Offer};
use serde_json::{Value, json};
use sriovd_core::model::world::World;

/// A VF of the PF in slot `bus`, in this pool.
pub(super) fn vf(bus: u8, index: u8, pool: &str) -> Value {
    json!({
        "index": index, "address": vf_address(bus, index), "device": "0x10ca", "driver": "igbvf",
        "interface": format!("ens{bus}v{index}"), "mac": null, "mtu": null, "iommu_group": 20 + index,
        "attributes": {}, "holders": [],
        "claim": { "policy": "p", "pool": pool, "prefix": "sriovd.io" },
    })
}

pub(super) fn vf_address(bus: u8, index: u8) -> String {
    format!("0000:{bus:02x}:10.{index}")
}

/// A PF on NUMA node 0 below root 0 where its bus is below 8, on node 1 and root 1 else.
#[expect(
    clippy::needless_pass_by_value,
    reason = "tests read better without a & before vec!"
)]
pub(super) fn pf(bus: u8, vfs: Vec<Value>) -> Value {
    let side = bus / 8;
    json!({
        "address": format!("0000:{bus:02x}:00.0"), "state": "ready", "policies": ["p"],
        "vfs_wanted": vfs.len(), "vfs": vfs, "problems": [],
        "device": {
            "vendor": "0x8086", "device": "0x10c9", "driver": "igb", "interface": format!("ens{bus}"), "mac": null,
            "link_type": "ether", "mtu": 1500, "up": true, "carrier": true, "numa_node": side,
            "pcie_root": format!("pci0000:{side:02x}"), "vfs_possible": 7,
        },
    })
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "tests read better without a & before vec!"
)]
pub(super) fn world(starting: bool, pfs: Vec<Value>) -> World {
    let world = json!({ "generation": 1, "node": "node1", "starting": starting, "pfs": pfs });
    serde_json::from_value(world).unwrap()
}

pub(super) fn offer(pfs: Vec<Value>) -> Offer {
    Known::default().learn(&world(false, pfs))
}
