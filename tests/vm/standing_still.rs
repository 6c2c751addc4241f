//! Who tells of events, or hears them, is not there for a while.

use crate::host::{Host, PATIENCE};
use crate::lab::Nic;
use anyhow::{Result, ensure};

fn policy(vlan: u16) -> String {
    format!(
        r#"
[[policy]]
name = "pool"
resource = "nics"
num_vfs = 3
vlan = {vlan}
match.pf_name = "enp*"

[[network]]
name = "f1-u"
resource = "nics"
"#
    )
}

fn wait_for_vlan(host: &Host, nic: &Nic, vlan: u16) -> Result<()> {
    host.wait_for(&nic.pci(), "ready", 3)?;
    for vf in 0..3 {
        host.wait_for_vf(&nic.netdev(), vf, &format!(".vlan_list[0].vlan == {vlan}"))?;
    }
    Ok(())
}

fn process(host: &Host) -> Result<String> {
    host.run("systemctl show -P MainPID sriovd")
}

#[test]
fn a_restart_of_udev_and_a_nic_plugged_while_it_was_gone_are_coped_with() -> Result<()> {
    let host = Host::with_policy(&policy(100))?;
    let first = host.plug_and_wait(Nic::igb(0), "0000:01:00.0", 3)?;
    host.assert_second_pass_is_empty()?;
    let end = host.journal_end()?;
    host.run("systemctl restart systemd-udevd && udevadm settle")?;
    host.assert_second_pass_is_empty()?;
    let said = host.journal_after(&end)?;
    ensure!(said.is_empty(), "{said}");

    // In the middle of a plug.
    let second = host.plug(Nic::igb(1))?;
    host.run("systemctl restart systemd-udevd")?;
    host.wait_for(&second.pci(), "ready", 3)?;

    // The name comes from udev: without it nobody knows whether the policy means this NIC.
    host.run(
        "systemctl stop systemd-udevd-kernel.socket systemd-udevd-control.socket systemd-udevd",
    )?;
    let third = host.plug(Nic::igb(2))?;
    host.wait(&format!("test -e /sys/bus/pci/devices/{}/net", third.pci()))?;
    host.run("ip link set enp1s0 vf 1 vlan 7")?;
    wait_for_vlan(&host, &first, 100)?;
    ensure!(host.num_vfs(&third)? == 0, "{}", host.journal()?);
    host.run("systemctl start systemd-udevd-kernel.socket systemd-udevd-control.socket systemd-udevd; udevadm trigger --action=add")?;
    for nic in [&first, &second, &third] {
        wait_for_vlan(&host, nic, 100)?;
    }
    host.assert_second_pass_is_empty()
}

#[test]
fn what_happened_while_the_agent_stood_still_is_made_up_for() -> Result<()> {
    let host = Host::with_policy(&policy(100))?;
    let gone = host.plug_and_wait(Nic::igb(0), "0000:01:00.0", 3)?;
    let stays = host.plug_and_wait(Nic::igb(1), "0000:02:00.0", 3)?;
    let before = process(&host)?;
    host.run("systemctl kill --signal=STOP sriovd")?;
    host.unplug(&gone)?;
    let new = host.plug(Nic::igb(2))?;
    host.policy("10-test.toml", &policy(200))?;
    host.run("ip link set enp2s0 vf 1 trust on vlan 7")?;
    host.wait_for_netdev(&new.netdev())?;
    host.run("systemctl kill --signal=CONT sriovd")?;
    for nic in [&stays, &new] {
        wait_for_vlan(&host, nic, 200)?;
    }
    host.wait_for_journal("0000:01:00.0) is gone")?;
    ensure!(process(&host)? == before, "{}", host.journal()?);
    host.assert_second_pass_is_empty()?;

    // Standing still for longer than the service manager allows: it is replaced.
    host.put(
        "[Service]\nWatchdogSec=4s\nTimeoutAbortSec=1s\nRestartSec=100ms\n",
        "/run/systemd/system/sriovd.service.d/watchdog.conf",
        0o644,
    )?;
    host.run_for(
        "systemctl daemon-reload; systemctl restart sriovd",
        PATIENCE,
    )?;
    let before = process(&host)?;
    host.run("systemctl kill --signal=STOP sriovd; ip link set enp2s0 vf 1 vlan 7")?;
    host.policy("10-test.toml", &policy(300))?;
    for nic in [&stays, &new] {
        wait_for_vlan(&host, nic, 300)?;
    }
    ensure!(process(&host)? != before, "{}", host.journal()?);
    host.assert_second_pass_is_empty()
}
