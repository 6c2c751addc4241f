//! VFs that uio has for user space: its drivers enable a device when they are bound, not when it is opened.

use crate::host::Host;
use crate::lab::Nic;
use anyhow::{Result, ensure};

const PF: &str = "0000:01:00.0";

fn policy(num_vfs: u16, driver: &str) -> String {
    format!(
        "[[policy]]\nname = \"p\"\nresource = \"nics\"\nnum_vfs = {num_vfs}\n{driver}\n\
         match.vendor = \"8086\"\n"
    )
}

const UIO: &str = "device_type = \"uio_pci_generic\"";

#[test]
fn vfs_on_uio_are_in_use_while_somebody_has_one_open_and_no_longer() -> Result<()> {
    let host = Host::running()?;
    host.run("modprobe uio_pci_generic")?;
    host.policy("10-test.toml", &policy(2, UIO))?;
    host.plug_and_wait(Nic::igb(0), PF, 2)?;
    let vf = host.vf_address(PF, 0)?;
    assert_eq!(host.driver(&vf)?, "uio_pci_generic");
    let enabled = host.run(&format!("cat /sys/bus/pci/devices/{vf}/enable"))?;
    assert_eq!(enabled, "1\n");
    host.policy("10-test.toml", &policy(3, UIO))?;
    host.wait_for(PF, "ready", 3)?;

    let end = host.journal_end()?;
    host.run("systemd-run -q --unit=user sh -c 'exec sleep 1000 < /dev/uio0'")?;
    host.wait("[ $(cat /sys/module/uio_pci_generic/refcnt) = 1 ]")?;
    host.policy("10-test.toml", &policy(2, UIO))?;
    host.wait_for_news(&end, "VF 0 is in use by a program that has uio0 open")?;
    assert_eq!(host.num_vfs(&Nic::igb(0))?, 3);
    host.run("systemctl stop user")?;
    host.wait_for(PF, "ready", 2)?;

    // Back to the kernel's driver, and all of them away.
    host.policy("10-test.toml", &policy(2, "device_type = \"netdevice\""))?;
    host.wait_for(PF, "ready", 2)?;
    let vf = host.vf_address(PF, 1)?;
    ensure!(host.driver(&vf)? == "igbvf", "{}", host.journal()?);
    host.assert_second_pass_is_empty()?;
    host.policy("10-test.toml", &policy(2, UIO))?;
    host.wait(&format!(
        "[ $(readlink /sys/bus/pci/devices/{vf}/driver | xargs basename) = uio_pci_generic ]"
    ))?;
    host.run("rm /etc/sriov.d/10-test.toml")?;
    host.wait_for(PF, "unmanaged", 0)?;
    host.wait(&format!(
        "[ $(cat /sys/bus/pci/devices/{PF}/sriov_numvfs) = 0 ]"
    ))
}
