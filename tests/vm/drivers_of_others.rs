//! Programs that bind VFs themselves, as hypervisors do, and sriovd beside them.

use crate::host::Host;
use crate::lab::Nic;
use anyhow::{Result, ensure};
use serde_json::Value;

const PF: &str = "0000:01:00.0";

/// What libvirt (`managed="yes"`), Proxmox and Incus do when a machine starts: the VF has no user
/// yet. Says what is bound a second later, and the override that stands.
fn hypervisor(host: &Host, vf: &str) -> Result<String> {
    host.run(&format!(
        "device=/sys/bus/pci/devices/{vf}
         echo vfio-pci > $device/driver_override
         echo {vf} > $device/driver/unbind
         echo {vf} > /sys/bus/pci/drivers_probe
         sleep 1
         echo $(basename $(readlink $device/driver)) $(cat $device/driver_override)"
    ))
}

#[test]
fn drivers_that_are_nobodys_affair_but_anothers_are_left_alone() -> Result<()> {
    let policy = |vlan: u16| {
        format!(
            "[[policy]]\nname = \"p\"\nresource = \"nics\"\nnum_vfs = 3\ndevice_type = \"any\"\n\
             mac = \"stable\"\nvlan = {vlan}\nmatch.vendor = \"8086\"\n"
        )
    };
    let host = Host::with_policy(&policy(100))?;
    let nic = host.plug_and_wait(Nic::igb(0), PF, 3)?;
    host.run("modprobe vfio-pci")?;
    // They are as the policy wants them from their first driver on.
    for vf in 0..3 {
        ensure!(
            host.driver(&nic.vf_pci(vf))? == "igbvf",
            "{}",
            host.journal()?
        );
        let own = &host.link(&nic.vf_netdev(vf))?["address"];
        let told = &host.vf(&nic.netdev(), vf.into())?["address"];
        ensure!(own == told, "{own} {told}");
    }
    let end = host.journal_end()?;
    ensure!(hypervisor(&host, &nic.vf_pci(0))? == "vfio-pci vfio-pci\n");
    // Taken from its driver, for whatever comes next.
    host.run(&format!(
        "echo {0} > /sys/bus/pci/devices/{0}/driver/unbind",
        nic.vf_pci(1)
    ))?;
    host.policy("10-test.toml", &policy(200))?;
    for vf in 0..3 {
        host.wait_for_vf(&nic.netdev(), vf, ".vlan_list[0].vlan == 200")?;
    }
    // Readers find it with the driver that it has.
    host.wait("grep -q vfio-pci /etc/pcidp/config.json && grep -q igbvf /etc/pcidp/config.json")?;
    host.run("systemctl restart sriovd")?;
    host.wait_for(PF, "ready", 2)?;
    let drivers = [0, 1, 2].map(|vf| host.driver(&nic.vf_pci(vf)).unwrap_or_default());
    ensure!(drivers == ["vfio-pci", "", "igbvf"], "{drivers:?}");
    let journal = host.journal_after(&end)?;
    ensure!(!journal.contains(": driver "), "{journal}");
    let status: Value = host.status(PF)?;
    ensure!(status["problems"] == Value::Array(Vec::new()), "{status:#}");
    host.assert_second_pass_is_empty()
}

#[test]
fn a_policy_that_names_no_driver_does_not_fight_over_one() -> Result<()> {
    let policy = |more: &str| {
        format!(
            "[[policy]]\nname = \"p\"\nresource = \"nics\"\nnum_vfs = 3\nvlan = 100\n{more}\n\
             match.vendor = \"8086\"\n"
        )
    };
    let host = Host::with_policy(&policy(""))?;
    let nic = host.plug_and_wait(Nic::igb(0), PF, 3)?;
    host.run("modprobe vfio-pci")?;
    let (vf, other) = (nic.vf_pci(0), nic.vf_pci(1));
    let device = format!("/sys/bus/pci/devices/{vf}");
    let end = host.journal_end()?;
    for _ in 0..6 {
        let found = hypervisor(&host, &vf)?;
        ensure!(found == "vfio-pci vfio-pci\n", "{found}{}", host.journal()?);
        // And back, when the machine is switched off.
        host.run(&format!(
            "echo > {device}/driver_override
             echo {vf} > {device}/driver/unbind
             echo {vf} > /sys/bus/pci/drivers_probe"
        ))?;
        host.wait_for(PF, "ready", 3)?;
    }
    // Unbound first and the choice later, as DPDK's script does.
    host.run(&format!(
        "echo {vf} > {device}/driver/unbind; sleep 3; test ! -e {device}/driver
         echo vfio-pci > {device}/driver_override
         echo {vf} > /sys/bus/pci/drivers_probe"
    ))?;
    host.wait_for_news(
        &end,
        "left alone: VF 0: another program has chosen driver vfio-pci for it",
    )?;
    host.run("sriovctl apply || [ $? = 3 ]")?;
    ensure!(host.driver(&vf)? == "vfio-pci");
    let journal = host.journal_after(&end)?;
    ensure!(!journal.contains(": driver "), "{journal}");
    ensure!(!journal.contains(" failed: "), "{journal}");
    // What nobody gives a driver gets the kernel's after a while.
    host.run(&format!(
        "echo {other} > /sys/bus/pci/devices/{other}/driver/unbind"
    ))?;
    host.wait_for_news(&end, "VF 1: driver default")?;
    host.wait_for_netdev(&nic.vf_netdev(1))?;
    // A policy that says which driver gets it.
    host.policy("10-test.toml", &policy("device_type = \"netdevice\""))?;
    host.wait_for(PF, "ready", 3)?;
    ensure!(host.driver(&vf)? == "igbvf");
    host.assert_second_pass_is_empty()
}
