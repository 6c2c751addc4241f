//! The VM lab: a Debian guest under software emulation, with SR-IOV NICs that are plugged and pulled at will.
//!
//! ```ignore
//! let guest = Guest::resume()?;                     // a pristine guest, in half a second
//! guest.install_sriovd()?;
//! guest.put(POLICY, "/etc/sriov.d/10-test.toml", 0o644)?;
//! guest.run("systemctl start sriovd")?;
//! let nic = guest.plug(Nic::igb(0))?;               // returns at once, the kernel takes it from here
//! guest.wait_for_netdev(&nic.vf_netdev(6))?;
//! assert!(guest.run("ip link show enp1s0")?.contains("vf 6"));
//! guest.unplug(&nic)?;
//! ```
//!
//! The first use builds everything (`tests/vm/build`); a snapshot of the booted guest is kept beside it.
// Several crates (the scenarios and the demo) share this, and neither uses all of it.
#![allow(dead_code, unreachable_pub, unused_imports)]

mod agent;
mod clock;
mod guest;
mod hardware;
mod image;
mod install;
mod job;
mod machine;
mod nic;
mod node;
mod permit;
mod power_on;
mod qemu;
mod qmp;
mod snapshot;
mod wire;

pub use guest::Guest;
pub use image::Debian;
pub use install::{Files, binaries};
pub use job::{Job, Output};
pub use machine::{Hotplug, SLOTS};
pub use nic::Nic;
pub use node::Node;
pub use power_on::PowerOn;
