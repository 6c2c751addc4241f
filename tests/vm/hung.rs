//! Kernel calls that fail or do not come back: one NIC is not as wanted, all else goes on.

use crate::host::{Host, PATIENCE};
use crate::lab::{Job, Nic};
use anyhow::{Context, Result, ensure};
use std::time::{Duration, Instant};

const PF: &str = "0000:01:00.0";
const OTHER_PF: &str = "0000:02:00.0";

/// Short, so that nobody has to wait long for what never comes.
const SETTINGS: &str = "[limits]\nstep_deadline = 3\nnumvfs_deadline = 3\nstart_deadline = 30\n";

fn policies(num_vfs: u16, first_device_type: &str, second_vlan: u16) -> String {
    format!(
        r#"
[[policy]]
name = "first"
num_vfs = {num_vfs}
device_type = "{first_device_type}"
match.mac = "52:54:00:00:00:00"

[[policy]]
name = "second"
num_vfs = 2
vlan = {second_vlan}
match.mac = "52:54:00:00:01:00"
"#
    )
}

fn start(policies: &str) -> Result<Host> {
    let host = Host::installed()?;
    host.put(SETTINGS, "/etc/sriovd.toml", 0o644)?;
    host.policy("10-test.toml", policies)?;
    host.start()?;
    Ok(host)
}

/// With one NIC hung, everybody gets answers.
fn the_agent_answers(host: &Host) -> Result<()> {
    host.run("timeout 20 sriovctl plan --json | jq -e '.pfs | length == 2'")
        .context("plan")?;
    host.run("timeout 20 sriovctl snapshot")
        .context("snapshot")?;
    let said = host.try_run("timeout 20 sriovctl apply")?;
    ensure!(said.status == 3, "{said}");
    let status = host.run("systemctl show -P StatusText sriovd")?;
    ensure!(
        status.contains("enp1s0 hung: ") && status.contains("the kernel has not come back from"),
        "{status}"
    );
    Ok(())
}

fn wait_for_vlan_of_second(host: &Host, vlan: u16) -> Result<()> {
    host.wait(&format!(
        "[ $(ip link show enp2s0 | grep -c 'vlan {vlan},') = 2 ]"
    ))
}

/// Uses a VFIO device as a virtual machine does, until the job is dropped.
fn hold_vfio_device(host: &Host, vf: &str) -> Result<Job> {
    const HOLD: &str = r#"
        echo 1 > /sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts
        group=$(basename $(readlink /sys/bus/pci/devices/VF/iommu_group))
        exec perl -e '
            $| = 1;
            open(my $container, "+<", "/dev/vfio/vfio") or die "container: $!";
            open(my $group, "+<", "/dev/vfio/$ARGV[0]") or die "group: $!";
            ioctl($group, 0x3b68, pack("i", fileno($container))) or die "VFIO_GROUP_SET_CONTAINER: $!";
            ioctl($container, 0x3b66, 1) or die "VFIO_SET_IOMMU: $!";
            my $device = "VF\0";
            ioctl($group, 0x3b6a, $device) or die "VFIO_GROUP_GET_DEVICE_FD: $!";
            print "held\n";
            sleep(600);
        ' "$group""#;
    let mut job = host.spawn(
        &HOLD
            .replace("VF/", &format!("{vf}/"))
            .replace("VF\\0", &format!("{vf}\\0")),
    )?;
    job.wait_for("held", PATIENCE)?;
    Ok(job)
}

#[test]
fn a_nic_whose_vfs_do_not_go_away_delays_no_other_and_goes_on_when_they_do() -> Result<()> {
    let host = start(&policies(2, "vfio-pci", 10))?;
    // Three times shorter than the wait below.
    host.put(
        "[Service]\nWatchdogSec=4s\n",
        "/run/systemd/system/sriovd.service.d/watchdog.conf",
        0o644,
    )?;
    host.run_for(
        "systemctl daemon-reload; systemctl restart sriovd",
        PATIENCE,
    )?;
    let process = host.run("systemctl show -P MainPID sriovd")?;
    host.plug_and_wait(Nic::igb(0), PF, 2)?;
    host.plug_and_wait(Nic::igb(1), OTHER_PF, 2)?;
    let holder = hold_vfio_device(&host, &host.vf_address(PF, 0)?)?;
    host.policy("10-test.toml", &policies(3, "vfio-pci", 10))?;
    host.wait_for(PF, "refused", 2)?;

    // The kernel waits for whoever holds the device, with the locks of the PF and of all PCI hotplug taken.
    let forced = host.run(&format!(
        "timeout 60 sriovctl apply --force {PF}; [ $? = 3 ]"
    ));
    forced.with_context(|| host.journal().unwrap_or_default())?;
    host.wait_for(PF, "hung", 2)?;
    host.policy("10-test.toml", &policies(3, "vfio-pci", 20))?;
    wait_for_vlan_of_second(&host, 20)?;
    the_agent_answers(&host)?;
    let said =
        "enp1s0 (0000:01:00.0) hung: the kernel has not come back from numvfs 2 -> 0 for 3 s";
    host.wait_for_journal(said)?;
    host.run("sleep 12")?;
    ensure!(
        host.run("systemctl show -P MainPID sriovd")? == process,
        "the watchdog bit: {}",
        host.journal()?
    );
    ensure!(host.count_in_journal(said)? == 1, "{}", host.journal()?);

    drop(holder);
    host.wait_for(PF, "ready", 3)?;
    host.wait_for_journal("enp1s0 (0000:01:00.0) cleared: the kernel has not come back")?;
    host.assert_second_pass_is_empty()
}

#[test]
fn a_nic_that_hangs_for_good_delays_no_other_nor_the_end_nor_the_next_start() -> Result<()> {
    let host = start(&policies(2, "netdevice", 10))?;
    host.plug_and_wait(Nic::igb(0), PF, 2)?;
    // A reset of a VF that is down never returns from igbvf (Linux 6.12), and its lock stays taken.
    let vf = host.vf_address(PF, 0)?;
    host.run(&format!(
        "(echo 1 > /sys/bus/pci/devices/{vf}/reset) >/dev/null 2>&1 &"
    ))?;
    host.wait("ps ax -o stat,wchan:30 | grep -q 'D.*napi_disable'")?;
    host.policy("10-test.toml", &policies(2, "vfio-pci", 10))?;
    host.wait_for(PF, "hung", 2)?;
    host.plug_and_wait(Nic::igb(1), OTHER_PF, 2)?;
    wait_for_vlan_of_second(&host, 10)?;
    the_agent_answers(&host)?;
    host.wait_for_journal(
        "enp1s0 (0000:01:00.0) hung: VF 0: the kernel has not come back from VF 0 driver vfio-pci for 3 s",
    )?;

    let begin = Instant::now();
    host.run_for("systemctl stop sriovd", PATIENCE)?;
    let took = begin.elapsed();
    ensure!(took < Duration::from_secs(30), "{took:?} to stop");
    // The next start takes longer than its unit gives: systemd is asked to wait.
    let patient = "[limits]\nstep_deadline = 20\nnumvfs_deadline = 20\nstart_deadline = 15\n";
    host.put(patient, "/etc/sriovd.toml", 0o644)?;
    host.put(
        "[Service]\nTimeoutStartSec=10s\n",
        "/run/systemd/system/sriovd.service.d/start.conf",
        0o644,
    )?;
    host.run("systemctl daemon-reload")?;
    host.start()?;
    // It hangs before it was seen: files that tell of several PFs say of it what was seen last, and go on.
    host.wait_for(PF, "hung", 0)?;
    host.wait_for(OTHER_PF, "ready", 2)?;
    let more = policies(2, "vfio-pci", 10).replace("num_vfs = 2\nvlan", "num_vfs = 3\nvlan");
    host.policy("10-test.toml", &more)?;
    host.wait_for(OTHER_PF, "ready", 3)?;
    let vfs_of = |pf: &str, count: usize| {
        host.wait(&format!(
            "jq -e '.status.interfaces[] | select(.pciAddress == \"{pf}\") | .Vfs | length == {count}' /run/sriovd/state.json"
        ))
    };
    vfs_of(OTHER_PF, 3)?;
    vfs_of(PF, 2)?;
    host.wait(&format!(
        "jq -e '[.status.interfaces[].pciAddress] == [\"{PF}\", \"{OTHER_PF}\"]' /run/sriovd/state.json"
    ))?;
    host.run("ip link set enp2s0 vf 1 vlan 7")?;
    host.wait("[ $(ip link show enp2s0 | grep -c 'vlan 10,') = 3 ]")?;
    host.assert_second_pass_is_empty()
}

#[test]
fn a_nic_that_fails_delays_no_other_and_is_tried_again_when_its_policy_changes() -> Result<()> {
    let policies = |mtu: u16| {
        let with_mtu = format!("num_vfs = 2\nmtu = {mtu}");
        policies(2, "netdevice", 10).replacen("num_vfs = 2", &with_mtu, 1)
    };
    // More than an igb takes.
    let host = Host::with_policy(&policies(9500))?;
    let [failing, other] = [host.plug(Nic::igb(0))?, host.plug(Nic::igb(1))?];
    host.wait_for(&other.pci(), "ready", 2)?;
    wait_for_vlan_of_second(&host, 10)?;
    host.wait_for(&failing.pci(), "failed", 2)?;
    let said = "enp1s0 (0000:01:00.0) failed: setting MTU 9500 of the PF: Invalid argument";
    host.wait_for_journal(said)?;
    host.run("ip link set enp2s0 vf 1 vlan 7")?;
    wait_for_vlan_of_second(&host, 10)?;
    host.assert_second_pass_is_empty()?;
    host.policy("10-test.toml", &policies(9000))?;
    host.wait_for(&failing.pci(), "ready", 2)?;
    host.wait_for_journal("enp1s0 (0000:01:00.0) cleared: setting MTU 9500 of the PF")?;
    ensure!(host.count_in_journal(said)? == 1, "{}", host.journal()?);
    host.assert_second_pass_is_empty()
}
