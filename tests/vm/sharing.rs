//! Several policies on one PF, each with its share of the VFs.

use crate::consumers;
use crate::host::Host;
use crate::lab::Nic;
use anyhow::Result;
use serde_json::json;

const POLICY: &str = r#"
[[policy]]
name = "kernel"
resource = "kernelnics"
num_vfs = 7
vfs = "0-3"
vlan = 100
mac = "stable"
exclude_topology = true

[policy.match]
vendor = "8086"

[[policy]]
name = "user-space"
resource = "usernics"
resource_prefix = "example.com"
num_vfs = 7
vfs = "4-6"
device_type = "vfio-pci"
need_vhost_net = true
trust = true

[policy.match]
vendor = "8086"

[[network]]
name = "pods"
resource = "kernelnics"
vlan = 100
vlan_qos = 3
spoof_check = true
trust = false
link_state = "auto"
max_tx_rate = 100
capabilities = { mac = true }
ipam = { type = "host-local", subnet = "10.56.217.0/24" }

[[network]]
name = "dpdk"
resource = "usernics"
"#;

#[test]
fn two_policies_share_one_pf_as_kernel_and_user_space_pools() -> Result<()> {
    let host = Host::with_policy(POLICY)?;
    let nic = host.plug_and_wait(Nic::igb(0), "0000:01:00.0", 7)?;

    let vfs = host.vfs(&nic.netdev())?;
    for (index, vf) in (0..).zip(&vfs) {
        let (vlan, trust, driver) = match index {
            0..=3 => (json!(100), json!(false), "igbvf"),
            _ => (json!(null), json!(true), "vfio-pci"),
        };
        assert_eq!(vf["vlan_list"][0]["vlan"], vlan, "{vf}");
        assert_eq!(vf["trust"], trust, "{vf}");
        assert_eq!(host.driver(&nic.vf_pci(index))?, driver, "VF {index}");
    }
    assert_eq!(vfs.len(), 7);

    host.wait("test -e /etc/pcidp/config.json")?;
    let devices =
        |from: u8, to: u8| json!((from..=to).map(|vf| nic.vf_pci(vf)).collect::<Vec<_>>());
    let config = host.json("/etc/pcidp/config.json")?;
    assert_eq!(
        config["resourceList"],
        json!([
            {
                "resourceName": "kernelnics", "resourcePrefix": "intel.com", "deviceType": "netDevice",
                "excludeTopology": true,
                "selectors": [{
                    "vendors": ["8086"], "devices": ["10ca"], "drivers": ["igbvf"],
                    "pciAddresses": devices(0, 3),
                }],
            },
            {
                "resourceName": "usernics", "resourcePrefix": "example.com", "deviceType": "netDevice",
                "selectors": [{
                    "vendors": ["8086"], "devices": ["10ca"], "drivers": ["vfio-pci"],
                    "pciAddresses": devices(4, 6), "needVhostNet": true,
                }],
            },
        ])
    );
    consumers::assert_device_plugin_takes(&host)?;

    for (network, vf) in [("pods", 0), ("dpdk", 4)] {
        let path = format!("/etc/cni/net.d/99-sriovd-{network}.conflist");
        let conflist = host.json(&path)?;
        assert_eq!(conflist["plugins"][0]["deviceID"], nic.vf_pci(vf));
        consumers::assert_sriov_cni_takes(&host, &path)?;
    }
    host.assert_second_pass_is_empty()
}
