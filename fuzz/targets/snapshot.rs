//! A snapshot of any content: whatever host it tells of, a plan for it ends, and the snapshot is
//! written as it was read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sriovd_core::memory::Memory;
use sriovd_core::model::HostSnapshot;
use sriovd_core::policy::PolicySet;
use sriovd_core::policy::file;
use sriovd_sim::forecast::forecast;
use std::path::Path;
use std::sync::LazyLock;

const POLICY: &str = r#"
[[policy]]
name = "kernel"
resource = "kernel"
num_vfs = 4
vfs = "0-1"
trust = true
spoof_check = false
vlan = 100
mtu = 2000
mac = "stable"
match.pf_name = "*"

[[policy]]
name = "dpdk"
resource = "dpdk"
num_vfs = 4
vfs = "2-3"
device_type = "vfio-pci"
match.vendor = "8086"
"#;

static POLICIES: LazyLock<PolicySet> = LazyLock::new(|| {
    let content = file::parse(Path::new("fixed.toml"), POLICY).expect("the policies are good");
    PolicySet {
        policies: content.policies,
        networks: content.networks,
    }
});

fuzz_target!(|data: &[u8]| {
    let Ok(snapshot) = serde_json::from_slice::<HostSnapshot>(data) else {
        return;
    };
    forecast(&snapshot, &POLICIES, &Memory::default());
    let again = serde_json::to_vec(&snapshot).expect("what was read can be written");
    let again: HostSnapshot = serde_json::from_slice(&again).expect("and read again");
    assert_eq!(again, snapshot);
});
