//! VFs for user space, and the way back.

use crate::host::Host;
use crate::lab::Nic;
use anyhow::Result;
use serde_json::{Value, json};

const USER_SPACE: &str = r#"
[[policy]]
name = "changing"
resource = "nics"
num_vfs = 3
device_type = "vfio-pci"
mac = "stable"
mtu = 3000
vlan = 100
vlan_qos = 2
trust = true
spoof_check = false
max_tx_rate = 100

[policy.match]
vendor = "8086"

[[network]]
name = "pool"
resource = "nics"
"#;
const KERNEL: &str = r#"
[[policy]]
name = "changing"
resource = "nics"
num_vfs = 3

[policy.match]
vendor = "8086"

[[network]]
name = "pool"
resource = "nics"
"#;

#[test]
fn vfs_go_to_vfio_and_come_back_as_they_were_when_the_policy_says_no_more() -> Result<()> {
    let host = Host::with_policy(KERNEL)?;
    let nic = host.plug_and_wait(Nic::igb(0), "0000:01:00.0", 3)?;
    let plain = attributes(&host, &nic)?;

    host.policy("10-test.toml", USER_SPACE)?;
    host.wait_for_journal("driver vfio-pci")?;
    host.wait_for(&nic.pci(), "ready", 3)?;
    let macs: Vec<Value> = addresses(&host, &nic)?;
    for (index, vf) in (0..).zip(host.vfs(&nic.netdev())?) {
        assert_eq!(host.driver(&nic.vf_pci(index))?, "vfio-pci");
        assert_eq!(vf["vlan_list"][0], json!({ "vlan": 100, "qos": 2 }), "{vf}");
        assert_eq!(
            (&vf["trust"], &vf["spoofchk"]),
            (&json!(true), &json!(false)),
            "{vf}"
        );
        assert_eq!(vf["rate"]["max_tx"], 100, "{vf}");
        host.run(&format!(
            "test -c /dev/vfio/$(basename $(readlink /sys/bus/pci/devices/{}/iommu_group))",
            nic.vf_pci(index)
        ))?;
    }
    assert_eq!(host.link(&nic.netdev())?["mtu"], 3000);
    host.wait(r#"grep -q vfio-pci /etc/pcidp/config.json"#)?;

    host.policy("10-test.toml", KERNEL)?;
    host.wait_for_journal("driver default")?;
    host.wait_for(&nic.pci(), "ready", 3)?;
    for index in 0..3 {
        assert_eq!(host.driver(&nic.vf_pci(index))?, "igbvf");
        let file = format!(
            "cat /sys/bus/pci/devices/{}/driver_override",
            nic.vf_pci(index)
        );
        assert_eq!(host.run(&file)?, "(null)\n");
        host.wait_for_netdev(&nic.vf_netdev(index))?;
        assert_eq!(host.link(&nic.vf_netdev(index))?["mtu"], 1500);
    }
    assert_eq!(attributes(&host, &nic)?, plain);
    assert_eq!(host.link(&nic.netdev())?["mtu"], 1500);
    let autoprobe = format!(
        "cat /sys/bus/pci/devices/{}/sriov_drivers_autoprobe",
        nic.pci()
    );
    assert_eq!(host.run(&autoprobe)?, "1\n");
    for (mac, given) in addresses(&host, &nic)?.iter().zip(&macs) {
        assert_ne!(mac, given, "the policy's address stayed");
    }
    host.wait("grep -q igbvf /etc/pcidp/config.json && ! grep -q vfio-pci /etc/pcidp/config.json")?;
    host.assert_second_pass_is_empty()
}

fn addresses(host: &Host, nic: &Nic) -> Result<Vec<Value>> {
    let vfs = host.vfs(&nic.netdev())?;
    Ok(vfs.into_iter().map(|mut vf| vf["address"].take()).collect())
}

/// All that `ip` shows of the VFs but their addresses, which the kernel makes up anew.
fn attributes(host: &Host, nic: &Nic) -> Result<Vec<Value>> {
    let mut vfs = host.vfs(&nic.netdev())?;
    for vf in &mut vfs {
        vf["address"].take();
    }
    Ok(vfs)
}
