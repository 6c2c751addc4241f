//! NICs that are there at power-on.

use crate::host::{Host, PATIENCE};
use crate::lab::{Files, Nic, PowerOn};
use anyhow::{Context, Result, ensure};
use std::env;
use std::time::Duration;

const POLICY: &str = r#"
[[policy]]
name = "named"
resource = "intelnics"
num_vfs = 2
trust = true

[policy.match]
pf_name = "enp1s0"

[[policy]]
name = "placed"
resource = "intelnics"
num_vfs = 7
vlan = 100
mac = "stable"

[policy.match]
pci_address = "0000:02:00.0"

[[network]]
name = "f1-u"
resource = "intelnics"
"#;

/// Where much else runs on the lab's machine, a guest may need minutes to load a driver.
const PATIENT: &str = "[limits]\nstart_deadline = 600\n";

#[test]
fn nics_that_are_there_at_boot_have_their_vfs_before_the_network_starts() -> Result<()> {
    let nics = [Nic::igb(0), Nic::igb(1)];
    let mut files = Files::sriovd()?;
    files.add(POLICY, "/etc/sriov.d/10-test.toml", 0o644)?;
    files.add(PATIENT, "/etc/sriovd.toml", 0o644)?;
    let power_on = nics.iter().cloned().fold(PowerOn::new(), PowerOn::nic);
    let host = Host::from(power_on.files(&files).boot()?);

    host.wait_for(&nics[0].pci(), "ready", 2)?;
    host.wait_for(&nics[1].pci(), "ready", 7)?;
    assert_eq!(host.run("systemctl --failed --no-legend")?, "");
    assert_eq!(host.run("systemctl is-system-running")?, "running\n");
    assert_eq!(host.run("systemctl is-active sriovd")?, "active\n");
    host.run("test -e /etc/cni/net.d/99-sriovd-f1-u.conflist -a -e /etc/pcidp/config.json")?;
    for vf in host.vfs(&nics[1].netdev())? {
        assert_eq!(vf["vlan_list"][0]["vlan"], 100, "{vf}");
    }

    let journal = host.run("journalctl -o cat -u sriovd -u network-pre.target")?;
    let line = |text: &str| {
        let line = journal.lines().position(|line| line.contains(text));
        line.with_context(|| format!("no {text:?} in\n{journal}"))
    };
    let ready = line(ALL_READY)?;
    assert!(line("2 VFs created")? < ready, "{journal}");
    assert!(line("7 VFs created")? < ready, "{journal}");
    assert!(line("config.json written")? < ready, "{journal}");
    assert!(
        ready < line("Reached target network-pre.target")?,
        "{journal}"
    );
    host.assert_second_pass_is_empty()
}

/// As on a machine that is busy, or with a slow disk: `libkmod` runs the line within udev.
fn slow_modules(seconds: u32) -> String {
    format!(
        "install igbvf sleep {seconds}; modprobe --ignore-install igbvf\n\
         install igb sleep 4; modprobe --ignore-install igb\n"
    )
}

/// With the limits that are shipped.
fn with_slow_modules(seconds: u32) -> Result<(Host, [Nic; 2])> {
    let nics = [Nic::igb(0), Nic::igb(1)];
    let mut files = Files::sriovd()?;
    files.add(POLICY, "/etc/sriov.d/10-test.toml", 0o644)?;
    files.add(slow_modules(seconds), "/etc/modprobe.d/slow.conf", 0o644)?;
    let power_on = nics.iter().cloned().fold(PowerOn::new(), PowerOn::nic);
    Ok((Host::from(power_on.files(&files).start()?), nics))
}

const ALL_READY: &str = "ready: 2 PFs, 9 VFs ready";
const SHIPPED_BOUND: Duration = Duration::from_secs(60);
/// What the service manager grants beyond it.
const MARGIN: Duration = Duration::from_secs(30);

/// What the agent said when it was ready, and how long it had taken by the guest's own clock.
fn readiness(host: &Host) -> Result<(String, Duration)> {
    host.wait("systemctl is-active sriovd")?;
    let took = host.run(
        "eval $(systemctl show -p InactiveExitTimestampMonotonic -p ActiveEnterTimestampMonotonic sriovd)
         echo $((ActiveEnterTimestampMonotonic - InactiveExitTimestampMonotonic))",
    )?;
    let told = host.run("journalctl -o cat -u sriovd | grep -m 1 '^ready: '")?;
    Ok((told, Duration::from_micros(took.trim().parse()?)))
}

/// Late is not failed, and all is as wanted in the end.
fn assert_nothing_failed(host: &Host, nics: &[Nic; 2]) -> Result<()> {
    host.wait_for(&nics[0].pci(), "ready", 2)?;
    host.wait_for(&nics[1].pci(), "ready", 7)?;
    for (index, vf) in (0..).zip(host.vfs(&nics[1].netdev())?) {
        let link = host.link(&nics[1].vf_netdev(index))?;
        assert_eq!(link["address"], vf["address"], "VF {index}");
    }
    host.run_for("systemctl is-system-running --wait", PATIENCE)?;
    let journal = host.run("journalctl -o cat -u sriovd -u network-pre.target")?;
    assert!(!journal.contains("failed"), "{journal}");
    let at = |text: &str| {
        let found = journal.find(text);
        found.with_context(|| format!("no {text:?} in\n{journal}"))
    };
    assert!(
        at("ready: ")? < at("Reached target network-pre.target")?,
        "{journal}"
    );
    assert_eq!(host.run("systemctl --failed --no-legend")?, "");
    host.assert_second_pass_is_empty()
}

/// However busy the lab's machine is: what is not there at the bound was waited for until then.
#[test]
fn drivers_that_come_late_are_waited_for_as_long_as_shipped() -> Result<()> {
    let (host, nics) = with_slow_modules(12)?;
    let (told, took) = readiness(&host)?;
    println!("after {took:?}: {told}");
    ensure!(
        told.contains(ALL_READY) || took >= SHIPPED_BOUND,
        "after {took:?}: {told}{}",
        host.journal()?
    );
    ensure!(took <= SHIPPED_BOUND + MARGIN, "{took:?}");
    assert_nothing_failed(&host, &nics)
}

#[test]
fn a_driver_that_comes_after_the_bound_holds_nobody_up_and_fails_nothing() -> Result<()> {
    let (host, nics) = with_slow_modules(80)?;
    let (told, took) = readiness(&host)?;
    ensure!(
        told.contains("0 of 9 VFs ready") && !told.contains("failed"),
        "{told}"
    );
    ensure!(
        (SHIPPED_BOUND..=SHIPPED_BOUND + MARGIN).contains(&took),
        "{took:?}"
    );
    host.wait("systemctl is-active network-pre.target")?;
    let status = host.status(&nics[1].pci())?;
    ensure!(status["state"] != "failed", "{status}");
    assert_nothing_failed(&host, &nics)
}

const ALL: &str =
    "[[policy]]\nname = \"all\"\nnum_vfs = 3\nmac = \"stable\"\nmatch.vendor = \"8086\"\n";

#[test]
fn a_driver_is_awaited_as_long_as_udev_stands_still_and_has_failed_when_it_is_through() -> Result<()>
{
    let host = Host::installed()?;
    host.start()?;
    let nic = host.plug_and_wait_until_unmanaged(Nic::igb(0), "0000:01:00.0")?;
    host.wait("test -e /sys/class/net/enp1s0")?;
    host.run("udevadm settle; modprobe -r igbvf; systemctl kill -s STOP systemd-udevd")?;
    let end = host.journal_end()?;
    host.policy("10-test.toml", ALL)?;
    host.wait("ls /sys/bus/pci/devices/0000:01:00.0/virtfn2")?;
    host.wait(r#"sriovctl status --json | jq -e '.pfs[0].problems[0].reason | test("udev is still at work")'"#)?;
    // Longer than a step is tried that failed.
    host.run("sleep 5")?;
    let status = host.status(&nic.pci())?;
    assert_eq!(status["state"], "changing", "{status}");
    host.run("systemctl kill -s CONT systemd-udevd")?;
    host.wait_for(&nic.pci(), "ready", 3)?;
    let told = host.journal_after(&end)?;
    assert!(!told.contains("failed"), "{told}");

    // One that does not come at all.
    host.run("rm /etc/sriov.d/10-test.toml")?;
    host.wait("! test -e /sys/bus/pci/devices/0000:01:00.0/virtfn0")?;
    host.run("udevadm settle; modprobe -r igbvf; echo blacklist igbvf > /etc/modprobe.d/no.conf")?;
    host.policy("10-test.toml", ALL)?;
    // Not every VF may be through at the same time.
    host.wait("sriovctl status | grep -qF 'failed: VFs 0-2: binding it to its default driver'")?;
    host.wait_for_news(&end, "no driver claimed it")?;
    // Whoever loads it has done enough.
    host.run("modprobe igbvf")?;
    host.wait_for(&nic.pci(), "ready", 3)?;
    host.assert_second_pass_is_empty()
}

#[test]
fn a_driver_for_user_space_that_is_loaded_late_takes_its_vfs() -> Result<()> {
    let host = Host::installed()?;
    host.start()?;
    host.run("modprobe -r vfio_pci")?;
    let policy = ALL.replace("num_vfs", "device_type = \"vfio-pci\"\nnum_vfs");
    host.policy("10-test.toml", &policy)?;
    let nic = host.plug(Nic::igb(0))?;
    host.wait_for_journal("driver vfio-pci is not loaded: modprobe vfio-pci")?;
    host.run("modprobe vfio_pci")?;
    host.wait_for_journal("[driver vfio-pci is there]")?;
    host.wait_for(&nic.pci(), "ready", 3)?;
    host.assert_second_pass_is_empty()
}

/// Ordered as the kubelet's own unit is.
const KUBELET: &str = "\
[Unit]
Wants=network-online.target
After=network-online.target
[Service]
ExecStart=/bin/sh -c 'ls /sys/bus/pci/devices/0000:01:00.0 | grep virtfn; exec sleep infinity'
[Install]
WantedBy=multi-user.target
";

/// `SRIOVD_BOOTS=10` boots ten times.
#[test]
fn the_kubelet_finds_all_vfs_when_it_starts() -> Result<()> {
    let boots = env::var("SRIOVD_BOOTS").map_or(Ok(1), |it| it.parse::<u32>())?;
    let nic = Nic::igb(0);
    let mut files = Files::sriovd()?;
    let policy = "[[policy]]\nname = \"all\"\nnum_vfs = 7\ntrust = true\nmatch.vendor = \"8086\"\n";
    files.add(policy, "/etc/sriov.d/10-test.toml", 0o644)?;
    files.add(KUBELET, "/etc/systemd/system/kubelet.service", 0o644)?;
    files.add(PATIENT, "/etc/sriovd.toml", 0o644)?;
    files.prepare("systemctl enable kubelet.service");
    for boot in 1..=boots {
        let host = Host::from(PowerOn::new().nic(nic.clone()).files(&files).boot()?);
        let listed = host.run("journalctl -o cat -u kubelet.service | grep -c virtfn")?;
        assert_eq!(listed, "7\n", "boot {boot}: {}", host.journal()?);
        let took = host.run(
            "eval $(systemctl show -p InactiveExitTimestampMonotonic -p ActiveEnterTimestampMonotonic sriovd)
             echo $(( (ActiveEnterTimestampMonotonic - InactiveExitTimestampMonotonic) / 1000 ))
             journalctl -u sriovd -o json | jq -r 'select(.SRIOV_DURATION_USEC) | (.SRIOV_DURATION_USEC | tonumber) / 1000 | floor'",
        )?;
        host.assert_second_pass_is_empty()?;
        let alone = host.run(
            "systemctl stop sriovd sriovd.socket && cd /sys/bus/pci/devices/0000:01:00.0
             echo 0 > sriov_numvfs && udevadm settle
             start=$(date +%s%3N) && echo 7 > sriov_numvfs && echo $(( $(date +%s%3N) - start ))",
        )?;
        println!(
            "boot {boot}: ms from start to ready, ms of that for the NIC: {}; ms for the kernel alone to make its VFs: {}",
            took.trim().replace('\n', ", "),
            alone.trim()
        );
    }
    Ok(())
}
